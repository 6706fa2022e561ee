"""What the compiled rules cost Prometheus, beside the usual layout of seven windows over raw series.

    PYTHONPATH=. python benchmarks/rules_cost.py [--series 2 30 300] [--days 3]

One real Prometheus holds the same history of 2, 30 and 300 source series: as many counters of requests as of errors,
scraped every 15 s, with bursts of errors, restarts, missed scrapes and an idle hour a day. Every rule of both layouts
is asked for at one moment with `stats=all`. Samples and milliseconds are per minute, so that rules of every five
minutes count a fifth. The usual layout is that of Sloth's golden `getting-started.yml`: error ratios over 5m, 30m,
1h, 2h, 6h, 1d and 3d from raw series, and 30d as the average of the 5m ratios. What ours recorded in the past is what
its own first rule gives for each minute of the history, summed as its other rules do. Then the page of both is asked
for, every minute of two days (six hours at 300 series).

Needs prometheus and promtool 2.42 or later; a minute or two, and half a gigabyte in a temporary folder.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx

from burnline.slo.compiler.rules import compile_rules
from burnline.spec.service import ServiceSpec
from tests.programs import free_port, program, running

END = 1_790_000_100  # a minute and an hour have just begun to fill
SCRAPE, MINUTE, HOUR, DAY = 15, 60, 3600, 86_400
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BUDGET = 0.001
LINES = 100_000


def main() -> None:
    """Print one line per size, and the episodes of both layouts."""
    parser = argparse.ArgumentParser(description="Cost of the compiled rules against the usual layout.")
    parser.add_argument("--series", type=int, nargs="+", default=[2, 30, 300])
    parser.add_argument("--days", type=float, default=3.02)
    options = parser.parse_args()
    print(
        f"{'series':>6} {'usual samples':>14} {'ours':>8} {'fewer':>8} "
        f"{'usual ms':>9} {'ours ms':>8} {'less':>6}  episodes"
    )
    for count in options.series:
        with tempfile.TemporaryDirectory(prefix="rules-cost-") as folder:
            print(measured(Path(folder), count, round(options.days * DAY)), flush=True)


def measured(folder: Path, count: int, length: int) -> str:
    """One size: history in, both layouts asked."""
    backfill(folder, raw(count, END - length, END))
    with prometheus(folder) as url:
        counted = {event: per_minute(url, event, END - length) for event in ("bad", "total")}
    backfill(folder, recorded(counted, END - length))
    with prometheus(folder) as url:
        usual, ours = cost(url, usual_rules()), cost(url, our_rules())
        span = 2 * DAY if count <= 30 else 6 * HOUR
        episodes = [begun(pages(url, layout, END - span)) for layout in ("usual", "ours")]
    same = "the same" if episodes[0] == episodes[1] else f"differ: {episodes}"
    told = f"{len(episodes[0])} and {len(episodes[1])} in {span // HOUR} h, {same}"
    return (
        f"{count:6} {usual[0]:14,.0f} {ours[0]:8,.0f} {usual[0] / ours[0]:7,.0f}x "
        f"{usual[1]:9.1f} {ours[1]:8.1f} {usual[1] / ours[1]:5.0f}x  {told}"
    )


def raw(count: int, start: int, end: int) -> Iterator[str]:
    """Half of the series count requests, the other half errors, in OpenMetrics."""
    pods = [Pod(number, Random(number)) for number in range(max(1, count // 2))]
    kept: dict[str, list[str]] = {"requests": [], "errors": []}
    errors = Errors(Random(7))
    for at in range(start, end, SCRAPE):
        share = errors.at(at)
        busy = 0.0 if 2 <= at % DAY / HOUR < 3 else 1.0  # nobody is awake
        for pod in pods:
            if pod.scrape(at, share, busy):
                kept["requests"].append(
                    f'requests_total{{pod="{pod.number}",instance="{pod.number}",job="x"}} {pod.requests} {at}'
                )
                kept["errors"].append(
                    f'errors_total{{pod="{pod.number}",instance="{pod.number}",job="x"}} {pod.errors} {at}'
                )
    for family, lines in kept.items():
        yield f"# TYPE {family} counter"
        yield from lines


class Errors:
    """Calm, with a burst now and then."""

    def __init__(self, random: Random) -> None:
        self.random, self.until, self.share = random, 0, 0.0

    def at(self, at: int) -> float:
        if at >= self.until:
            calm = self.share > 0.001
            self.share = 0.0002 if calm else self.random.choice([0.004, 0.02, 0.3, 1.0])
            self.until = at + (self.random.randrange(1, 5) * HOUR if calm else self.random.randrange(60, 1500))
        return self.share


class Pod:
    """Counts, restarts once in a while, and misses a scrape in two hundred."""

    def __init__(self, number: int, random: Random) -> None:
        self.number, self.random = number, random
        self.requests, self.errors, self.owed = 1000 + number, number, 0.0

    def scrape(self, at: int, share: float, busy: float) -> bool:
        added = round(150 * busy)
        self.owed += added * share
        failed = int(self.owed)
        self.owed -= failed
        if self.random.random() < 1e-4:
            self.requests = self.errors = 0
        self.requests += added
        self.errors += failed
        return self.random.random() > 0.005


def recorded(counted: dict[str, dict[int, float]], start: int) -> Iterator[str]:
    """What our rules, and the usual ones' 5m ratio, have recorded by END."""
    own = 'service="shop",slo="availability"'
    minutes = sorted(counted["total"])
    yield from family("slo:events:increase1m", own, counted)
    fives = {event: summed(values, 5 * MINUTE) for event, values in counted.items()}
    fives["seen"] = dict.fromkeys(fives["total"], 300.0)
    yield from family("slo:events:increase5m", own, fives)
    ends = range(END - END % HOUR - 29 * DAY, END, HOUR)
    yield from family(
        "slo:events:increase1h", own, {event: dict.fromkeys(ends, 10.0) for event in ("bad", "total", "seen")}
    )
    late = range(END - 2 * HOUR, END + 1, 5 * MINUTE)
    yield from family(
        "slo:events:increase_hour", own, {e: dict.fromkeys(late, 10.0) for e in ("bad", "total", "seen", "key")}
    )
    yield from family("slo:observed:seconds", own, {"": dict.fromkeys(minutes[-60:], 3.0 * DAY)})
    now = {END: 1.0}
    for metric in ("slo:events:increase_over", "burnline_slo_burn_rate"):
        labels = [f'{own},window="{window}"' for window in WINDOWS]
        for number, each in enumerate(labels):
            events = {"bad": now, "total": now} if metric.startswith("slo") else {"": now}
            yield from list(family(metric, each, events))[1 if number else 0 :]
    yield from family("slo:events:increase_window", own, dict.fromkeys(("bad", "total", "seen"), now))
    yield from family("burnline_slo_error_budget_remaining_ratio", own, {"": now})
    yield from family("burnline_slo_excluded", own, {"": now})
    yield from family("slo:state:level", own, {"": now})
    yield from family(
        "slo:sli_error:ratio_rate5m", own, {"": dict.fromkeys(range(END - 30 * DAY, END + 1, MINUTE), 0.001)}
    )


def family(metric: str, labels: str, events: dict[str, dict[int, float]]) -> Iterator[str]:
    """One gauge in OpenMetrics."""
    yield f"# TYPE {metric} gauge"
    for event, values in events.items():
        also = f',event="{event}"' if event else ""
        yield from (f"{metric}{{{labels}{also}}} {value!r} {at}" for at, value in sorted(values.items()))


def summed(values: dict[int, float], over: int) -> dict[int, float]:
    """Sums at every multiple of `over`, as a rule of that interval records them."""
    sums: Counter[int] = Counter()
    for at, value in values.items():
        sums[-(-at // over) * over] += value  # type: ignore[assignment]  # a Counter of floats
    return {at: float(value) for at, value in sums.items() if at <= END}


def backfill(folder: Path, lines: Iterable[str]) -> None:
    """Lines of OpenMetrics into the data folder, as blocks."""
    text = folder / "history.txt"
    with text.open("w") as out:
        out.writelines(f"{line}\n" for line in lines)
        out.write("# EOF\n")
    argv = [program("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=1458h", "openmetrics", str(text)]
    subprocess.run([*argv, str(folder / "data")], check=True, capture_output=True)
    text.unlink()


def prometheus(folder: Path) -> Any:
    """A Prometheus over the data folder; gives its address."""
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return _Running(argv, folder, f"http://127.0.0.1:{port}")


class _Running:
    def __init__(self, argv: Sequence[str], folder: Path, url: str) -> None:
        self.url = url
        self._running = running(argv, log=folder / "log", url=f"{url}/-/ready")

    def __enter__(self) -> str:
        self._running.__enter__()
        return self.url

    def __exit__(self, *error: Any) -> None:
        self._running.__exit__(*error)


def ask(url: str, path: str, **form: Any) -> Any:
    """The `data` of an answer."""
    answer = httpx.post(f"{url}/api/v1/{path}", data=form, timeout=600, trust_env=False).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def per_minute(url: str, event: str, start: int) -> dict[int, float]:
    """What our first rule records at each minute."""
    (rule,) = (rule for _, rule in our_rules() if rule.get("record") == "slo:events:increase1m")
    found: dict[int, float] = {}
    for begin in range(start - start % MINUTE + MINUTE, END + 1, DAY // 2):
        last = min(begin + DAY // 2 - MINUTE, END)
        for series in ask(url, "query_range", query=rule["expr"], start=begin, end=last, step=MINUTE)["result"]:
            if series["metric"]["event"] == event:
                found |= {int(at): float(value) for at, value in series["values"]}
    return found


def our_rules() -> list[tuple[float, dict[str, Any]]]:
    """(share of a minute, rule) of one SLO."""
    slo = {
        "name": "availability",
        "objective": "99.9%",
        "window": "30d",
        "min_bad_events": 0,
        "sli": {"ratio": {"bad": "errors_total", "total": "requests_total"}},
    }
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": [slo]}
    groups = compile_rules([ServiceSpec.model_validate(body)], now=datetime.fromtimestamp(END, UTC))["groups"]
    ours = [group for group in groups if "/ratio/" in group["name"]]
    return [(1.0 if group["interval"] == "1m" else 0.2, rule) for group in ours for rule in group["rules"]]


def usual_rules() -> list[tuple[float, dict[str, Any]]]:
    """Seven windows over raw series, the period as an average of ratios, and the alerts on recorded ones."""
    over = "sum(rate(errors_total[{w}])) / sum(rate(requests_total[{w}]))"
    five = 'slo:sli_error:ratio_rate5m{service="shop",slo="availability"}'
    period = f"sum_over_time({five}[30d]) / count_over_time({five}[30d])"
    return [(1.0, {"expr": over.format(w=window)}) for window in WINDOWS] + [(1.0, {"expr": period})]


def cost(url: str, rules: Iterable[tuple[float, dict[str, Any]]]) -> tuple[float, float]:
    """(samples, milliseconds) per minute; the time is the shortest of five."""
    samples = milliseconds = 0.0
    for share, rule in rules:
        tries = [ask(url, "query", query=rule["expr"], time=END, stats="all")["stats"] for _ in range(5)]
        samples += share * tries[0]["samples"]["totalQueryableSamples"]
        milliseconds += share * min(each["timings"]["execTotalTime"] for each in tries) * 1000
    return samples, milliseconds


def pages(url: str, layout: str, start: int) -> dict[int, bool]:
    """Minute to whether the page fires: 14.4 times over 1h and 5m, or 6 times over 6h and 30m."""
    if layout == "usual":
        rate = "sum(rate(errors_total[{w}])) / sum(rate(requests_total[{w}]))"
    else:
        of = 'sum(sum_over_time(slo:events:increase1m{{{{event="{event}"}}}}[{{r}}]))'
        rate = f"{of.format(event='bad')} / ({of.format(event='total')} > 0)"
    ranges = {"1h": "59m59s999ms", "5m": "4m59s999ms", "6h": "5h59m59s999ms", "30m": "29m59s999ms"}

    def over(window: str, factor: float) -> str:
        return f"({rate.format(w=window, r=ranges[window])} > {factor * BUDGET})"

    query = f"{over('1h', 14.4)} and {over('5m', 14.4)} or {over('6h', 6)} and {over('30m', 6)}"
    fires = dict.fromkeys(range(start - start % MINUTE, END, MINUTE), False)
    for begin in range(min(fires), END, 6 * HOUR):
        end = min(begin + 6 * HOUR - MINUTE, max(fires))
        for series in ask(url, "query_range", query=query, start=begin, end=end, step=MINUTE)["result"]:
            fires |= {int(at): True for at, _ in series["values"]}
    return fires


def begun(fires: dict[int, bool]) -> list[str]:
    """When each episode begins; one that stops for less than ten minutes goes on."""
    found: list[int] = []
    last = -DAY
    for at in sorted(fires):
        if fires[at]:
            if at - last > 10 * MINUTE:
                found.append(at)
            last = at
    return [str(timedelta(seconds=at - min(fires))) for at in found]


if __name__ == "__main__":
    main()
