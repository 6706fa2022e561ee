"""How the serving engine of a service does, under burnline's own names; not what no engine of it counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from burnline.collectors.profiles.load import load_profile
from burnline.dashboards.panels import RATE, Panel, Query, Unit
from burnline.metrics import SERVICE, serving
from burnline.spec.collect import ScrapeSpec
from burnline.spec.service import ServiceSpec

NO_REQUEST = "no request was answered"
_NAME = re.compile(rf"{serving.PREFIX}\w+")


def serving_panels(spec: ServiceSpec) -> tuple[Panel, ...]:
    """None for a service whose pages are of plain HTTP services or of exporters."""
    pages = [item for item in spec.collect if isinstance(item, ScrapeSpec) and item.profile != "http"]
    counted = {name for page in pages for name in load_profile(page.profile).quantities}
    of = f'{{{SERVICE}="{spec.service}"}}'
    panels = (_requests(of), _running(of), _full(of), *_latencies(of), _tokens(of), _cache(of), _means(of))
    answered = (replace(panel, queries=tuple(_answered(panel, counted))) for panel in panels)
    return tuple(panel for panel in answered if panel.queries)


def _answered(panel: Panel, counted: Collection[str]) -> Iterator[Query]:
    """The queries all of whose series some engine of the service gives."""
    for query in panel.queries:
        named = _NAME.findall(query.expr)
        if all(name.removesuffix("_bucket") in counted for name in named):
            yield query


def _rate(name: str, of: str) -> str:
    return f"sum(rate({name}{of}[{RATE}]))"


def _requests(of: str) -> Panel:
    queries = (
        Query(_rate(serving.REQUESTS, of), "all"),
        Query(_rate(serving.ERRORS, of), "failed"),
        Query(_rate(serving.REJECTIONS, of), "turned away"),
    )
    question = "How much is asked of the engine, and how much fails? Turned away: it is full, scale it or shed load."
    return _panel("Engine: requests", question, queries, "reqps", empty_ok=NO_REQUEST)


def _running(of: str) -> Panel:
    queries = (
        Query(f"sum({serving.RUNNING}{of})", "in work"),
        Query(f"sum({serving.WAITING}{of})", "wait"),
        Query(f"sum(increase({serving.PREEMPTIONS}{of}[{RATE}]))", "put back"),
    )
    question = "Do requests wait? Waiting grows while in work stays: the engine is full, scale it or shed load."
    return _panel("Engine: in work and waiting", question, queries, "short")


def _full(of: str) -> Panel:
    queries = (Query(f"max by (model) ({serving.KV_CACHE}{of})", "{{model}}"),)
    question = "How full is the key-value cache? Near 100 %: requests are put back and start again."
    return _panel("Engine: key-value cache", question, queries, "percentunit", high=1)


QUANTILES = {
    serving.TIME_TO_FIRST_TOKEN: ("time to first token", "How long does a user wait for the first word?"),
    serving.INTER_TOKEN_LATENCY: (
        "time between tokens",
        "How fast does an answer flow? Over 0.1 s it is slower than people read.",
    ),
    serving.REQUEST_DURATION: ("duration", "How long do requests take as a whole? Longer answers take longer."),
    serving.QUEUE_DURATION: ("time in the queue", "How much of that is waiting? Most of it: the engine is full."),
}


def _latencies(of: str) -> tuple[Panel, ...]:
    return tuple(_quantiles(f"Engine: {title}", question, name, of) for name, (title, question) in QUANTILES.items())


def _quantiles(title: str, question: str, name: str, of: str) -> Panel:
    buckets = f"sum by (le) (rate({name}_bucket{of}[{RATE}]))"
    queries = tuple(Query(f"histogram_quantile({q}, {buckets})", f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))
    return _panel(title, question, queries, "s", empty_ok=NO_REQUEST)


def _tokens(of: str) -> Panel:
    queries = (
        Query(_rate(serving.PROMPT_TOKENS, of), "read"),
        Query(_rate(serving.GENERATED_TOKENS, of), "written"),
    )
    question = "How many tokens a second? Written falls while requests stay: the engine has become slower."
    return _panel("Engine: tokens per second", question, queries, "short", empty_ok=NO_REQUEST)


def _cache(of: str) -> Panel:
    queries = (
        Query(f"{_rate(serving.CACHE_HITS, of)} / {_rate(serving.CACHE_QUERIES, of)}", "found"),
        Query(f"max({serving.CACHE_HIT_RATIO}{of})", "found, as the engine says"),
    )
    question = (
        "How much of the prompts is found in the prefix cache? It falls: prompts have changed, or it is too small."
    )
    return _panel("Engine: prefix cache", question, queries, "percentunit", high=1, empty_ok=NO_REQUEST)


def _means(of: str) -> Panel:
    queries = (
        Query(f"{_rate(serving.REQUEST_SECONDS, of)} / {_rate(serving.REQUESTS, of)}", "mean duration"),
        Query(f"{_rate(serving.QUEUE_SECONDS, of)} / {_rate(serving.REQUESTS, of)}", "of that waiting"),
    )
    question = "How long does a request take on average? The engine counts sums alone, so that slow ones are not seen."
    return _panel("Engine: mean times", question, queries, "s", empty_ok=NO_REQUEST)


def _panel(
    title: str, question: str, queries: tuple[Query, ...], unit: Unit, *, high: float | None = None,
    empty_ok: str = "the engine does not show it",
) -> Panel:  # fmt: skip
    return Panel(title, question, "timeseries", queries, unit, width=12, low=0, high=high, empty_ok=empty_ok)
