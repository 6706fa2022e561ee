"""Pyrra's objects become service files that count and alert the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from burnline.slo.importers.pyrra import tiers
from burnline.spec.units import format_duration
from tests.slo.importers.importing import FIXTURES, imported
from tests.slo.promtool import Simulation, counter

INGRESS = FIXTURES / "pyrra" / "ingress.yaml"


def test_each_indicator_becomes_its_sli(tmp_path: Path) -> None:
    found = imported(tmp_path, "pyrra", INGRESS)

    errors, latency, probe = (found.slos[name].sli for name in ("ingress-errors", "ingress-latency", "probe-up"))
    assert errors.ratio is not None
    assert str(errors.ratio.bad) == 'ingress_requests_total{ingress="shop",status=~"5.."}'
    assert latency.latency is not None
    assert (str(latency.latency.histogram), latency.latency.below) == (
        'ingress_request_duration_seconds{ingress="shop"}',
        timedelta(milliseconds=500),
    )
    assert probe.promql is not None
    assert probe.promql.good == 'sum(sum_over_time(probe_success{job="shop"}[$window]))'
    assert probe.promql.total == 'sum(count_over_time(probe_success{job="shop"}[$window]))'


def test_the_service_is_named_by_the_file_or_the_option(tmp_path: Path) -> None:
    assert imported(tmp_path, "pyrra", INGRESS).specs[0].service == "ingress"

    assert imported(tmp_path / "more", "pyrra", INGRESS, options=("--service", "shop")).specs[0].service == "shop"


def test_over_28_days_the_alerts_are_those_of_its_table(tmp_path: Path) -> None:
    found = imported(tmp_path, "pyrra", INGRESS).tiers("ingress-errors")

    assert [(tier.severity, tier.factor) for tier in found] == [("page", 14), ("page", 7), ("ticket", 2), ("ticket", 1)]
    lengths = [[format_duration(length) for length in (tier.long, tier.short, tier.hold)] for tier in found]
    assert lengths == [["1h", "5m", "2m"], ["6h", "30m", "15m"], ["1d", "2h", "1h"], ["4d", "6h", "3h"]]


def test_over_30_days_its_windows_are_scaled_to_whole_minutes() -> None:
    """For 30 d: 5m, 32m, 1h4m, 2h9m, 6h26m, 1d1h43m, 4d6h51m."""
    found = tiers(timedelta(days=30))

    assert [(format_duration(tier.long), format_duration(tier.short)) for tier in found] == [
        ("1h4m", "5m"),
        ("6h26m", "32m"),
        ("1d1h43m", "2h9m"),
        ("4d6h51m", "6h26m"),
    ]


def test_what_can_never_fire_is_dropped_and_listed(tmp_path: Path) -> None:
    """14 times 10 % is more than all."""
    found = imported(tmp_path, "pyrra", INGRESS)

    assert [tier.factor for tier in found.tiers("ingress-latency")] == [7, 2, 1]
    assert found.says("ingress.yaml:23: spec", "page-fast", "can never fire")


def test_grouping_and_what_belongs_to_kubernetes_are_listed(tmp_path: Path) -> None:
    found = imported(tmp_path, "pyrra", INGRESS)

    assert found.code == 3
    assert found.says("ingress.yaml:5: metadata.namespace: not carried over")
    assert found.says("ingress.yaml:7: metadata.labels.prometheus: not carried over")
    assert found.says("spec.indicator.latency.grouping: not carried over", "one SLO for each value")
    assert found.says("spec.alerting.absent: not carried over")


def test_an_offset_is_kept_as_promql(tmp_path: Path) -> None:
    found = imported(tmp_path, "pyrra", SMALL.replace("metric: x}", "metric: x offset 1m}"))

    sli = found.slos["a"].sli.promql
    assert sli is not None
    assert (sli.bad, sli.total) == ('sum(rate(x{code="5"}[$window]))', "sum(rate(x[$window] offset 1m))")


def test_a_latency_without_a_bucket_is_refused(tmp_path: Path) -> None:
    text = INGRESS.read_text().replace(',le="0.5"', "")

    assert imported(tmp_path, "pyrra", text).says("spec.indicator.latency.success: chooses no bucket")


SMALL = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: a}
spec:
  target: "99"
  window: 2w
  indicator: {ratio: {errors: {metric: "x{code='5'}"}, total: {metric: x}}}
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('target: "99"', 'target: "100"'), ":5: spec.target: is 100; write more than 0 and less than 100"),
        (("window: 2w", "window: soon"), ":6: spec.window: 'soon' is not a duration"),
        (("metric: x}", "metric: sum(x)}"), "'sum(x)' is no plain selector"),
        (("ratio:", "latencyNative:"), "spec.indicator.latencyNative: reads a native histogram"),
        (("ratio:", "ratios:"), "spec.indicator.ratios: is no field here; did you mean 'ratio'?"),
        (("kind: Service", "kind: Sevice"), ":2: kind: is 'SeviceLevelObjective'; accepted: ServiceLevelObjective"),
        (("window: 2w", "window: 1d"), "its page-fast alert: windows of 2m and 0s cannot both be counted"),
    ],
)
def test_what_is_wrong_is_told_by_file_line_field_and_what_is_accepted(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    found = imported(tmp_path, "pyrra", SMALL.replace(*change))

    assert found.says(message), (found.refused, found.left)


@pytest.mark.integration
def test_prometheus_gives_the_same_error_ratio_for_pyrras_query_and_the_imported_sli(tmp_path: Path) -> None:
    """A tenth of the requests is slow for ten minutes; rate loses one scrape interval of 386."""
    found = imported(tmp_path, "pyrra", INGRESS)
    name = "ingress_request_duration_seconds"
    count, fast = (
        f"sum(rate({name}_{part}[386m]))" for part in ('count{ingress="shop"}', 'bucket{ingress="shop",le="0.5"}')
    )
    series = {
        f'{name}_count{{ingress="shop",instance="a"}}': counter((500, 600)),
        f'{name}_bucket{{ingress="shop",instance="a",le="0.5"}}': counter((300, 600), (10, 540), (190, 600)),
    }
    specs = [spec.model_copy(update={"slos": (found.slos["ingress-latency"],)}) for spec in found.specs]
    simulation = Simulation(specs, series)

    simulation.holds(
        "8h",
        f'abs(burnline_slo_burn_rate{{window="6h26m"}} * 0.1 / on () (({count} - {fast}) / {count}) - 1) < 0.02',
    )

    simulation.run(tmp_path)
