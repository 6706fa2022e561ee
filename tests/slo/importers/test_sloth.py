"""Sloth's files become service files that count and alert the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from burnline.slo.windows import Tier, tiers
from tests.slo.importers.importing import FIXTURES, imported
from tests.slo.promtool import Simulation, counter

CHECKOUT = FIXTURES / "sloth" / "checkout.yml"
WIFI = FIXTURES / "sloth" / "wifi-object.yml"
WEEK = FIXTURES / "sloth" / "windows-7d.yaml"
MONTH = timedelta(days=30)


def test_events_of_counters_become_selectors(tmp_path: Path) -> None:
    found = imported(tmp_path, "sloth", CHECKOUT)

    sli = found.slos["requests-availability"].sli.ratio
    assert sli is not None
    assert str(sli.bad) == 'http_request_duration_seconds_count{job="checkout",code=~"(5..|429)"}'
    assert str(sli.total) == 'http_request_duration_seconds_count{job="checkout"}'
    assert found.slos["requests-availability"].objective == 0.999
    assert (found.specs[0].service, found.specs[0].owner) == ("checkout_api", "payments")


def test_a_histograms_count_less_its_bucket_becomes_a_latency(tmp_path: Path) -> None:
    sli = imported(tmp_path, "sloth", CHECKOUT).slos["requests-latency"].sli.latency

    assert sli is not None
    assert str(sli.histogram) == 'http_request_duration_seconds{job="checkout"}'
    assert sli.below == timedelta(milliseconds=400)


def test_sloths_alerts_over_thirty_days_are_the_workbooks(tmp_path: Path) -> None:
    found = imported(tmp_path, "sloth", CHECKOUT)

    assert found.tiers("requests-availability") == list(tiers(MONTH, 0.999))
    assert [tier.name for tier in found.tiers("requests-latency")] == ["page-fast", "page-slow"]
    assert "tiers" not in found.text.partition("requests-latency")[0]
    assert {slo.min_bad_events for slo in found.slos.values()} == {0}


def test_over_28_days_the_slow_ticket_is_dropped_and_listed(tmp_path: Path) -> None:
    found = imported(tmp_path, "sloth", CHECKOUT, options=("--window", "28d"))

    assert [tier.factor for tier in found.tiers("requests-availability")] == [13.44, 5.6, 2.8]
    assert found.says("checkout.yml:8: slos[0]", "ticket-slow", "factor 0.9333 is below 1")


def test_alert_windows_of_ones_own_are_kept(tmp_path: Path) -> None:
    """Factor = budget share x period / long window: 8 % x 168 h / 1 h = 13.44."""
    found = imported(tmp_path, "sloth", CHECKOUT, WEEK)

    assert found.slos["requests-availability"].window == timedelta(days=7)
    assert found.tiers("requests-availability")[0] == Tier(
        "page-fast", "page", 13.44, timedelta(hours=1), timedelta(minutes=5)
    )
    assert [tier.factor for tier in found.tiers("requests-availability")] == [13.44, 3.5, 1.4]
    assert found.says("ticket-slow", "factor 0.98 is below 1")


def test_what_is_no_counter_stays_promql(tmp_path: Path) -> None:
    slos = imported(tmp_path, "sloth", WIFI).slos

    good, mean = slos["good-signal"].sli.promql, slos["mean-signal"].sli.promql
    assert good is not None
    assert good.bad == "sum_over_time((count(wifi_signal_ratio < 0.75))[$window:]) OR on() vector(0)"
    assert mean is not None
    assert mean.good == "sum(sum_over_time(wifi_signal_ratio[$window]))"
    assert mean.total == "sum(count_over_time(wifi_signal_ratio[$window]))"


@pytest.mark.parametrize(("window", "tier"), [("30d", "ticket-slow"), ("28d", "ticket-fast"), ("7d", "page-slow")])
def test_where_nothing_alerted_the_slowest_tier_that_can_is_kept(tmp_path: Path, window: str, tier: str) -> None:
    found = imported(tmp_path, "sloth", WIFI, options=("--window", window))

    assert [kept.name for kept in found.tiers("good-signal")] == [tier]
    assert found.says("slos[0].alerting: not carried over: that nothing alerts")


def test_everything_that_is_not_carried_over_is_listed_with_its_line(tmp_path: Path) -> None:
    found = imported(tmp_path, "sloth", CHECKOUT)

    assert found.code == 3
    assert [line.removeprefix(f"{CHECKOUT}:").partition(": not")[0] for line in found.left] == [
        "6: labels.region",
        "16: slos[0].alerting.name",
        "18: slos[0].alerting.labels.category",
        "21: slos[0].alerting.page_alert.labels.severity",
        "24: slos[0].alerting.ticket_alert.labels.severity",
    ]


def test_a_file_that_is_carried_over_whole_says_nothing(tmp_path: Path) -> None:
    found = imported(tmp_path, "sloth", SMALL)

    assert (found.code, found.left) == (0, ())


SMALL = """\
version: prometheus/v1
service: shop
labels: {owner: web}
slos:
  - name: a
    objective: 99.5
    sli:
      events:
        error_query: sum(increase(x_total{code="500"}[{{.window}}]))
        total_query: sum(increase(x_total[{{.window}}]))
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("objective: 99.5", "objektive: 99.5"), "foreign0.yaml:6: slos[0].objektive: is no field here; did you mean"),
        (("objective: 99.5", "objective: 100"), "foreign0.yaml:6: slos[0].objective: is 100; write more than 0"),
        (("objective: 99.5", "objective: [99]"), "slos[0].objective: is a list; write a number"),
        (("prometheus/v1", "prometheus/v2"), "foreign0.yaml:1: version: is 'prometheus/v2'; accepted: prometheus/v1"),
        (
            ("x_total[{{.window}}]", "x_total[5m]"),
            "slos[0].sli.events.total_query: 'sum(increase(x_total[5m]))' has no",
        ),
        (("x_total[{{.window}}]", "x_total[{{.window}}"), "is not what Prometheus accepts"),
        (("sum(increase(x_total[", "sum(rate(x_total["), "counts by increase, and the total by rate"),
        (("{{.window}}", "{{.range}}"), "holds a template; accepted: {{.window}}"),
        (("events:", "plugin: {id: noop}\n      events:"), "needs exactly one of events and raw"),
        (("service: shop", "service: ''"), "foreign0.yaml:2: service: '' holds no letter or digit"),
        (("name: a", "name: ''"), "foreign0.yaml:5: slos[0].name: '' holds no letter or digit"),
        (("labels: {owner: web}", "labels: [web]"), "foreign0.yaml:3: labels: is a list; write a mapping"),
        (("slos:", "slos: 3\nmore:"), "slos: is 3; write a list"),
        (("labels: {owner: web}", "labels: &a [*a]"), "is nested more than 30 deep"),
        (("service: shop", "service: !!python/name:os.system shop"), "has the tag"),
    ],
)
def test_what_is_wrong_is_told_by_file_line_field_and_what_is_accepted(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    found = imported(tmp_path, "sloth", SMALL.replace(*change))

    assert found.code == 1
    assert any(message in line for line in found.refused), found.refused


def test_names_that_come_to_the_same_are_refused(tmp_path: Path) -> None:
    found = imported(tmp_path, "sloth", SMALL, SMALL.replace("name: a", "name: A"))

    assert found.says("foreign1.yaml:5: slos[0]: would be the SLO 'a' of 'shop', as is", "foreign0.yaml:5")


def test_sli_plugins_are_named_as_not_supported(tmp_path: Path) -> None:
    head = SMALL.partition("      events:")[0]

    found = imported(tmp_path, "sloth", head + "      plugin: {id: sloth-common/http, options: {}}\n")

    assert found.says("slos[0].sli.plugin", "SLI plugin 'sloth-common/http', which is not supported")


@pytest.mark.integration
def test_prometheus_gives_the_same_error_ratio_for_sloths_query_and_the_imported_sli(tmp_path: Path) -> None:
    """Ten minutes of 30 % errors an hour; rate loses one scrape interval of sixty, and no more may differ."""
    found = imported(tmp_path, "sloth", CHECKOUT)
    bad, all_requests = (
        f'sum(rate(http_request_duration_seconds_count{{job="checkout"{more}}}[1h]))'
        for more in (',code=~"(5..|429)"', "")
    )
    name = 'http_request_duration_seconds_count{job="checkout",instance="a",code='
    series = {
        f'{name}"200"}}': counter((90, 600), (10, 420), (60, 600)),
        f'{name}"500"}}': counter((90, 0), (10, 180), (60, 0)),
    }
    simulation = Simulation(found.specs, series)

    simulation.holds(
        "2h",
        f"abs({bad} / {all_requests} / 0.05 - 1) < 0.02",
        f'abs(burnline_slo_burn_rate{{slo="requests-availability",window="1h"}} * 0.001'
        f" / on () ({bad} / {all_requests}) - 1) < 0.02",
    )

    simulation.run(tmp_path)


@pytest.mark.integration
def test_prometheus_gives_the_same_error_ratio_where_the_query_stays_promql(tmp_path: Path) -> None:
    """A gauge of 0.9, and 0.3 for ten minutes of the hour: its mean, sample by sample."""
    found = imported(tmp_path, "sloth", WIFI)
    good, samples = (f"sum({name}_over_time(wifi_signal_ratio[1h]))" for name in ("sum", "count"))
    series = {'wifi_signal_ratio{client="a"}': "0.9x89 0.3x9 0.9x60"}
    simulation = Simulation(found.specs, series)

    simulation.holds(
        "2h",
        f"abs((1 - {good} / {samples}) - 0.2) < 0.01",
        f'abs(burnline_slo_burn_rate{{slo="mean-signal",window="1h"}} * 0.05 / on () (1 - {good} / {samples}) - 1)'
        " < 0.02",
    )

    simulation.run(tmp_path)
