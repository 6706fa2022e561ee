"""The compiled rules over blocks of a real Prometheus, the embedded engine over the same scrapes, and the truth."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.slo.burn import error_budget
from burnline.slo.compiler.rules import compile_rules
from burnline.slo.windows import tiers_of
from tests.programs import free_port, program, running
from tests.slo.conftest import World
from tests.slo.test_rules_agree_kinds import MINUTES, PER_MINUTE, SLOS, history, played

pytestmark = pytest.mark.integration

BEGIN = 1_790_000_040  # a whole minute
SLO = "availability"
Minutes = dict[int, float]  # minute to value


@pytest.mark.parametrize("seed", range(1, 9))
def test_both_engines_page_when_the_true_events_say_so(tmp_path: Path, world: World, seed: int) -> None:
    """Minute by minute; a pod's first and last minute, and missed scrapes, may move an edge by one or two."""
    series, fires = played(world, seed, SLOS[:1])
    (group,) = (
        group
        for group in compile_rules(world.specs, now=datetime.fromtimestamp(BEGIN, UTC))["groups"]
        if group["name"].startswith("burnline/ratio/") and group["interval"] == "1m"
    )
    rules = {rule["record"]: rule for rule in group["rules"] if rule["labels"]["slo"] == SLO and "record" in rule}

    backfill(tmp_path, _scraped(series))
    with prometheus(tmp_path) as url:
        counted = asked(url, rules["slo:events:increase1m"]["expr"], "event")
    backfill(tmp_path, _recorded(counted))
    with prometheus(tmp_path) as url:
        summed = asked(url, rules["slo:events:increase_over"]["expr"], "event", "window")

    true = _true_events(seed)
    for tier in tiers_of(world.specs[0].slos[0])[:2]:
        long, short = (f"{round(window.total_seconds() / 60)}" for window in (tier.long, tier.short))
        by_rules = _pages({event: dict(values) for event, values in summed.items()}, long, short, tier.factor, counted)
        by_truth = _pages(_sums(true, long, short), long, short, tier.factor, {("total",): true["total"]})
        embedded = fires[SLO, tier.name]
        assert _episodes(by_rules) == _episodes(embedded) == _episodes(by_truth)
        assert sum(map(bool.__ne__, by_rules, embedded)) <= 0.02 * MINUTES
        assert sum(map(bool.__ne__, by_rules, by_truth)) <= 0.04 * MINUTES


def _pages(
    sums: Mapping[tuple[str, ...], Minutes],
    long: str,
    short: str,
    factor: float,
    seen: Mapping[tuple[str, ...], Minutes],
) -> list[bool]:
    """Whether both windows burn too fast, by the age of the SLO, at each minute."""

    def rate(minute: int, window: str) -> float:
        bad, total = (sums.get((event, _written(window)), {}).get(minute, 0.0) for event in ("bad", "total"))
        age = sum(1 for each in seen["total",] if each <= minute)
        return bad / total / error_budget(0.99) * min(1.0, age / int(window)) if total else 0.0

    return [
        min(rate(minute, long), rate(minute, short)) > factor
        and sums.get(("bad", _written(long)), {}).get(minute, 0.0) >= 2
        for minute in range(MINUTES + 1)
    ]


def _written(minutes: str) -> str:
    return f"{int(minutes) // 60}h" if int(minutes) % 60 == 0 else f"{minutes}m"


def _episodes(fires: Iterable[bool]) -> int:
    """How often it begins; a pause of less than five minutes is none."""
    count, calm = 0, 5
    for firing in fires:
        count += firing and calm >= 5
        calm = 0 if firing else calm + 1
    return count


def _true_events(seed: int) -> dict[str, Minutes]:
    """What the pods served in each minute, whoever saw it."""
    true: dict[str, Minutes] = {event: dict.fromkeys(range(1, MINUTES + 1), 0.0) for event in ("bad", "total")}
    last: dict[tuple[int, str], int] = {}
    for step, pods in enumerate(history(seed)):
        for pod, _ in pods:
            for status in ("200", "500"):
                now = pod.counts.get(("http_requests_total", f'status="{status}"'), 0)
                before = last.get((pod.number, status), now if status == "200" else 0)
                last[pod.number, status] = now
                grown = now - before if now >= before else now
                if step:
                    minute = -(-step // PER_MINUTE)
                    true["total"][minute] += grown
                    true["bad"][minute] += grown if status == "500" else 0
    return true


def _sums(events: Mapping[str, Minutes], *windows: str) -> dict[tuple[str, ...], Minutes]:
    return {
        (event, _written(window)): {
            minute: sum(values.get(each, 0.0) for each in range(minute - int(window) + 1, minute + 1))
            for minute in values
        }
        for event, values in events.items()
        for window in windows
    }


def _scraped(series: Mapping[str, str]) -> Iterator[str]:
    yield "# TYPE http_requests counter"
    for name, values in series.items():
        if name.startswith("http_requests_total"):
            for step, value in enumerate(values.split()):
                if value.isdigit():
                    yield f"{name} {value} {BEGIN + step * 60 // PER_MINUTE}"


def _recorded(counted: Mapping[tuple[str, ...], Minutes]) -> Iterator[str]:
    yield "# TYPE slo:events:increase1m gauge"
    for (event,), values in counted.items():
        for minute, value in values.items():
            yield f'slo:events:increase1m{{service="shop",slo="{SLO}",event="{event}"}} {value!r} {BEGIN + minute * 60}'


def backfill(folder: Path, lines: Iterable[str]) -> None:
    """OpenMetrics into blocks."""
    text = folder / "history.txt"
    text.write_text("\n".join([*lines, "# EOF", ""]))
    argv = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")]
    subprocess.run(argv, check=True, capture_output=True)


@contextmanager
def prometheus(folder: Path) -> Iterator[str]:
    """A Prometheus over these blocks."""
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(argv, log=folder / "log", url=f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"


def asked(url: str, expr: str, *labels: str) -> dict[tuple[str, ...], Minutes]:
    """What a rule gives at each minute, by these labels."""
    form = {"query": expr, "start": BEGIN, "end": BEGIN + MINUTES * 60, "step": 60}
    found: list[dict[str, Any]] = httpx.post(f"{url}/api/v1/query_range", data=form, trust_env=False).json()["data"][
        "result"
    ]
    return {
        tuple(each["metric"][label] for label in labels): {
            round((at - BEGIN) / 60): float(value) for at, value in each["values"]
        }
        for each in found
    }
