"""How the serving engine of a service does, under burnline's own names; not what no engine of it counts."""

from __future__ import annotations

from burnline.dashboards.asking import growth, increase, quantiles, rate, value
from burnline.dashboards.panels import Panel, Query
from burnline.metrics import serving

NO_REQUEST = "no request was answered"
HIDDEN = "the engine does not show it"


def _quotient(part: str, whole: str, legend: str) -> Query:
    return Query(f"{growth(part)} / ({growth(whole)} > 0)", legend)


SERVING = (
    Panel(
        "Engine: requests",
        "How much is asked of the engine, and how much fails? Turned away: it is full, scale it or shed load.",
        (
            rate(serving.REQUESTS, legend="all"),
            rate(serving.ERRORS, legend="failed"),
            rate(serving.REJECTIONS, legend="turned away"),
        ),
        "reqps",
        width=12,
        empty_ok=NO_REQUEST,
    ),
    Panel(
        "Engine: in work and waiting",
        "Do requests wait? Waiting grows while in work stays: the engine is full, scale it or shed load.",
        (
            value(serving.RUNNING, legend="in work"),
            value(serving.WAITING, legend="wait"),
            increase(serving.PREEMPTIONS, legend="put back"),
        ),
        "short",
        width=12,
        empty_ok=HIDDEN,
    ),
    Panel(
        "Engine: key-value cache",
        "How full is the key-value cache? Near 100 %: requests are put back and start again.",
        (value(serving.KV_CACHE, "model", legend="{{model}}", how="max"),),
        "percentunit",
        width=12,
        high=1,
        empty_ok=HIDDEN,
    ),
    *(
        Panel(f"Engine: {title}", question, quantiles(name), "s", width=12, empty_ok=NO_REQUEST)
        for name, title, question in (
            (serving.TIME_TO_FIRST_TOKEN, "time to first token", "How long does a user wait for the first word?"),
            (
                serving.INTER_TOKEN_LATENCY,
                "time between tokens",
                "How fast does an answer flow? Over 0.1 s it is slower than people read.",
            ),
            (
                serving.REQUEST_DURATION,
                "duration",
                "How long do requests take as a whole? Longer answers take longer.",
            ),
            (
                serving.QUEUE_DURATION,
                "time in the queue",
                "How much of that is waiting? Most of it: the engine is full.",
            ),
        )
    ),
    Panel(
        "Engine: tokens per second",
        "How many tokens a second? Written falls while requests stay: the engine has become slower.",
        (rate(serving.PROMPT_TOKENS, legend="read"), rate(serving.GENERATED_TOKENS, legend="written")),
        "short",
        width=12,
        empty_ok=NO_REQUEST,
    ),
    Panel(
        "Engine: prefix cache",
        "How much of the prompts is found in the prefix cache? It falls: prompts have changed, or it is too small.",
        (
            _quotient(serving.CACHE_HITS, serving.CACHE_QUERIES, "found"),
            value(serving.CACHE_HIT_RATIO, legend="found, as the engine says", how="max"),
        ),
        "percentunit",
        width=12,
        high=1,
        empty_ok=NO_REQUEST,
    ),
    Panel(
        "Engine: mean times",
        "How long does a request take on average? The engine counts sums alone, so that slow ones are not seen.",
        (
            _quotient(serving.REQUEST_SECONDS, serving.REQUESTS, "mean duration"),
            _quotient(serving.QUEUE_SECONDS, serving.REQUESTS, "of that waiting"),
        ),
        "s",
        width=12,
        empty_ok=NO_REQUEST,
    ),
)
