"""What an SLO on drift costs Prometheus by the compiled rules, beside the same windows over raw counters.

    PYTHONPATH=. python benchmarks/drift_rules_cost.py [--features 1 10 25 100]

One real Prometheus holds what the rules of one service with so many numeric features (20 quantile bins, missing, not
a number) have recorded by now, and the last minutes of what is scraped every 15 s from two replicas. Every rule is
asked for at one moment with `stats=all`; those of every five minutes count a fifth. The raw layout, `increase` of each
cell's counter over seven windows and the period, is reckoned: series x seconds / 15 s, each minute.

Needs prometheus and promtool 2.42 or later; a minute or two.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.rules_cost import DAY, END, HOUR, MINUTE, SCRAPE, backfill, cost, prometheus

from burnline.slo.compiler.rules import compile_rules
from burnline.spec.service import ServiceSpec

CELLS = 22
REPLICAS = 2
OWN = 'service="shop",slo="steady"'
TILES = {
    "slo:cells:increase1m": range(END - 2 * HOUR, END + 1, MINUTE),
    "slo:cells:increase5m": range(END - 26 * HOUR, END + 1, 5 * MINUTE),
    "slo:cells:increase1h": range(END - END % HOUR - 3 * DAY, END, HOUR),
    "slo:cells:increase1d": range(END - END % DAY - 30 * DAY, END, DAY),
    "slo:cells:increase_hour": range(END - 2 * HOUR, END + 1, 5 * MINUTE),
    "slo:cells:increase_day": range(END - 2 * HOUR, END + 1, 5 * MINUTE),
}
WINDOWS = (300, 1800, 3600, 7200, 6 * 3600, DAY, 3 * DAY, 30 * DAY)


def main() -> None:
    """Print one line per number of features."""
    parser = argparse.ArgumentParser(description="Cost of the compiled rules of an SLO on drift.")
    parser.add_argument("--features", type=int, nargs="+", default=[1, 10, 25, 100])
    print(f"{'features':>8} {'raw samples':>14} {'ours':>10} {'fewer':>8} {'ours ms':>8}  recorded series")
    for features in parser.parse_args().features:
        with tempfile.TemporaryDirectory(prefix="drift-cost-") as folder:
            backfill(Path(folder), history(features))
            with prometheus(Path(folder)) as url:
                samples, milliseconds = cost(url, rules())
        raw = features * CELLS * REPLICAS * sum(WINDOWS) / SCRAPE
        series = features * (CELLS + 1) * len(TILES)
        print(f"{features:8} {raw:14,.0f} {samples:10,.0f} {raw / samples:7,.0f}x {milliseconds:8.1f}  {series:,}")


def rules() -> Sequence[tuple[float, dict[str, str]]]:
    """(share of a minute, rule) of one SLO on drift."""
    slo = {"name": "steady", "objective": "98%", "window": "30d", "sli": {"signal": "drift"}}
    body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": [slo], "signals": {"drift": {}}}
    groups = compile_rules([ServiceSpec.model_validate(body)], now=datetime.fromtimestamp(END, UTC))["groups"]
    ours = [group for group in groups if "/signal/" in group["name"]]
    return [(1.0 if group["interval"] == "1m" else 0.2, rule) for group in ours for rule in group["rules"]]


def history(features: int) -> Iterator[str]:
    """What is scraped and recorded by END, in OpenMetrics."""
    names = [f'feature="f{number}",reference="0123abcd"' for number in range(features)]
    cells = [f'{name},cell="{cell}"' for name in names for cell in range(CELLS)]
    scraped = range(END - 10 * MINUTE, END + 1, SCRAPE)
    yield "# TYPE burnline_feature_cells counter"
    for replica in range(REPLICAS):
        at_replica = f'service="shop",signal="drift",job="burnline",instance="{replica}"'
        for cell in cells:
            yield from (
                f"burnline_feature_cells_total{{{at_replica},{cell}}} {1000 + n * 3} {at}"
                for n, at in enumerate(scraped)
            )
    one = 'service="shop",signal="drift",job="burnline",instance="0"'
    yield from gauge("burnline_feature_reference_ratio", [f"{one},{cell}" for cell in cells], scraped, 1 / CELLS)
    chances = [f'{one},{name},of="{of}"' for name in names for of in ("events", "reference")]
    yield from gauge("burnline_feature_chance_squared", chances, scraped, 0.01)
    whole = [f'{name},cell="all"' for name in names]
    for metric, times in TILES.items():
        keys = [f'{OWN},event="key"'] if metric.endswith(("hour", "day")) else []
        own = [f"{OWN},{cell}" for cell in (*cells, *whole)]
        yield from gauge(metric, own, times, 12.0, also=keys)
    shown = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")
    over = [f'{OWN},{name},window="{window}"' for name in names for window in shown]
    for metric in ("slo:feature:events_over", "slo:feature:drift_over"):
        yield from gauge(metric, over, [END], 12_000.0)


def gauge(
    metric: str, labels: Sequence[str], times: Sequence[int], value: float, *, also: Sequence[str] = ()
) -> Iterator[str]:
    """One family; `also` are series that hold the hour."""
    yield f"# TYPE {metric} gauge"
    for each in labels:
        yield from (f"{metric}{{{each}}} {value!r} {at}" for at in times)
    for each in also:
        yield from (f"{metric}{{{each}}} {at - at % HOUR} {at}" for at in times)


if __name__ == "__main__":
    main()
