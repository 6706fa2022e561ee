"""A service written as OpenSLO and read again is the same service, but for what is listed."""

from __future__ import annotations

from pathlib import Path

import yaml
from typer.testing import CliRunner

from burnline.app.cli import app
from burnline.app.services import load_checked
from burnline.slo.windows import tiers_of
from burnline.spec.service import ServiceSpec
from tests.slo.importers.importing import imported

SHOP = """\
apiVersion: burnline/v1
service: shop
owner: web
description: The shop.
slos:
  - {name: availability, objective: 99.9%, window: 30d, sli: {ratio: {bad: 'x_total{code=~"5.."}', total: x_total}}}
  - {name: good, objective: 99.95%, window: 28d, sli: {ratio: {good: 'x_total{code="200"}', total: x_total}}}
  - name: fast
    objective: 99%
    window: {calendar: month, tz: Europe/Berlin}
    sli: {latency: {histogram: wait_seconds, below: 250ms}}
    slices: {length: 5m, target: 95%}
  - {name: depth, objective: 99%, window: 7d, sli: {threshold: {gauge: queue_depth, above: 500, for: 10%}}}
  - {name: low, objective: 99%, window: 7d, sli: {threshold: {gauge: free_bytes, below: 10}}}
  - name: query
    objective: 99%
    window: {calendar: week, tz: UTC}
    sli: {promql: {bad: 'sum by (x) (rate(b[$window]))', total: 'sum(rate(t[$window]))'}}
    slices: {length: 1m}
  - {name: ratio, objective: 99%, window: 28d, sli: {promql: {error_ratio: 'avg_over_time(r[$window])'}}}
  - name: own
    objective: 95%
    window: 28d
    sli: {ratio: {bad: b, total: t}}
    tiers: [ticket-fast, {name: mine, severity: page, long: 2h, factor: 4, for: 5m}]
"""
MORE = """\
  - {name: copy, objective: 95%, window: 28d, sli: {same_as: availability}, min_events: 50}
  - {name: old, objective: 95%, window: 28d, sli: {freshness: {timestamp: last_run_seconds, max_age: 15m}}}
  - {name: busy, objective: 95%, window: 28d, sli: {throughput: {counter: done_total, at_least: 100}}}
  - {name: both, objective: 95%, window: 30d, sli: {composite: {worst_of: [availability, depth]}}}
  - {name: between, objective: 95%, window: 30d, sli: {threshold: {gauge: g, above: 2, below: 1}}}
exclude: [{from: "2026-12-01T02:00:00Z", to: "2026-12-01T04:00:00Z", reason: move}]
"""


def exported(folder: Path, text: str) -> tuple[int, str, list[str]]:
    file = folder / "shop.yaml"
    file.write_text(text)
    done = CliRunner().invoke(app, ["export", "openslo", str(file)])
    return done.exit_code, done.stdout, done.stderr.splitlines()


def promises(spec: ServiceSpec) -> list[tuple[object, ...]]:
    return [(slo.name, slo.objective, slo.window, slo.sli, slo.slices, tiers_of(slo)) for slo in spec.slos]


def test_what_openslo_can_say_comes_back_as_it_was(tmp_path: Path) -> None:
    code, text, left = exported(tmp_path, SHOP)

    again = imported(tmp_path, "openslo", text)

    (before,) = load_checked(tmp_path / "shop.yaml")
    (after,) = again.specs
    assert promises(after) == promises(before)
    assert (after.service, after.owner, after.description) == ("shop", "web", "The shop.")
    assert code == 3
    assert all("the short windows of its tiers" in line for line in left)


def test_what_openslo_cannot_say_is_listed_by_line(tmp_path: Path) -> None:
    _, text, left = exported(tmp_path, SHOP + MORE)

    told = [line.partition("shop.yaml:")[2] for line in left if "short windows" not in line]
    assert [line.partition(":")[0] for line in told] == ["26", "28", "29", "30", "31"]
    for line, words in zip(
        told, ("min_events", "how many events", "several SLOs as one", "between two bounds", "exclude"), strict=True
    ):
        assert words in line
    names = [document["metadata"]["name"] for document in yaml.safe_load_all(text)]
    assert names[-2:] == ["copy", "old"]


def test_what_is_written_as_another_sli_counts_the_same(tmp_path: Path) -> None:
    """A copy is written out; the age of the oldest series is a bound, looked at once a minute."""
    slos = imported(tmp_path, "openslo", exported(tmp_path, SHOP + MORE)[1]).slos

    assert slos["copy"].sli == slos["availability"].sli
    old = slos["old"].sli.promql
    assert old is not None
    assert old.bad == "sum_over_time((count((time() - min(last_run_seconds)) > 900) or vector(0))[$window:1m])"


def test_other_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(SHOP)

    done = CliRunner().invoke(app, ["export", "sloth", str(tmp_path)])

    assert str(done.exception) == "'sloth' is no format to export; accepted: openslo or prometheus-rule"
