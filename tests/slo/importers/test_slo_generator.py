"""slo-generator's files become service files that count the same, and alert by its policies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from burnline.slo.windows import Tier
from tests.slo.importers.importing import FIXTURES, imported
from tests.slo.promtool import Simulation, counter

WEB, CONFIG = FIXTURES / "slo-generator" / "web.yaml", FIXTURES / "slo-generator" / "config.yaml"


def test_each_method_becomes_its_sli(tmp_path: Path) -> None:
    slos = imported(tmp_path, "slo-generator", WEB, CONFIG).slos

    availability, latency, query = (slos[f"metrics-{name}"].sli for name in ("availability", "latency", "query"))
    assert availability.ratio is not None
    assert str(availability.ratio.good) == 'http_requests_total{handler="/metrics",code=~"2.."}'
    assert latency.latency is not None
    assert latency.latency.below == timedelta(milliseconds=250)
    assert query.ratio is not None
    assert (str(query.ratio.good), str(query.ratio.total)) == (
        'http_requests_total{code=~"2.."}',
        "http_requests_total",
    )


def test_the_steps_of_a_policy_become_tiers_and_its_longest_the_window(tmp_path: Path) -> None:
    found = imported(tmp_path, "slo-generator", WEB, CONFIG)

    assert found.slos["metrics-latency"].window == timedelta(days=28)
    assert found.tiers("metrics-latency")[0] == Tier("burn-1-hour", "page", 9, timedelta(hours=1), timedelta(minutes=5))
    assert [(tier.severity, tier.factor) for tier in found.tiers("metrics-latency")[1:]] == [("page", 3), ("ticket", 1)]
    assert found.says("config.yaml:9: error_budget_policies.default.steps[0]", "looks back once")


def test_without_its_config_burnlines_own_tiers_alert_and_that_is_listed(tmp_path: Path) -> None:
    found = imported(tmp_path, "slo-generator", WEB, options=("--window", "28d"))

    assert found.code == 3
    assert [tier.name for tier in found.tiers("metrics-latency")] == ["page-fast", "page-slow", "ticket-fast"]
    assert found.says("web.yaml:9: spec: not carried over: give the config with the policy 'default' too")


SMALL = """\
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata: {name: a}
spec:
  backend: prometheus
  method: good_bad_ratio
  service_level_indicator: {filter_good: 'x{c="2"}', filter_bad: 'x{c="5"}'}
  goal: 0.99
"""


def test_good_and_bad_events_are_all_events(tmp_path: Path) -> None:
    sli = imported(tmp_path, "slo-generator", SMALL, CONFIG).slos["a"].sli.promql

    assert sli is not None
    assert sli.bad == 'sum(increase(x{c="5"}[$window]))'
    assert sli.total == 'sum(increase(x{c="2"}[$window])) + sum(increase(x{c="5"}[$window]))'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("backend: prometheus", "backend: datadog"), ":5: spec.backend: is 'datadog', which is not supported"),
        (("good_bad_ratio", "query_slo"), ":6: spec.method: is 'query_slo'; accepted: good_bad_ratio, query_sli or"),
        (("goal: 0.99", "goal: 1"), ":8: spec.goal: is 1; write more than 0 and less than 1"),
        (('c="2"', 'c="${C}"'), "filter_good: holds ${C}, a variable of the environment"),
        (("goal:", "error_budget_policy: strict\n  goal:"), "'strict' is no policy; accepted: default"),
        (("apiVersion: sre.google.com/v2", "slo_target: 0.9"), ":1: slo_target: is of slo-generator's first format"),
        (("filter_bad:", "operators: [max], filter_bad:"), "is no sum of counts; accepted: [increase, sum]"),
    ],
)
def test_what_is_wrong_is_told_by_file_line_field_and_what_is_accepted(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    found = imported(tmp_path, "slo-generator", SMALL.replace(*change), CONFIG)

    assert found.code == 1
    assert found.says(message), found.refused


@pytest.mark.integration
def test_prometheus_gives_the_same_sli_for_its_query_and_the_imported_one(tmp_path: Path) -> None:
    """sum(increase(good)) / sum(increase(valid)); increase loses one scrape interval of sixty."""
    found = imported(tmp_path, "slo-generator", WEB, CONFIG)
    good, valid = (
        f'sum(increase(http_requests_total{{handler="/metrics"{more}}}[3600s]))' for more in (',code=~"2.."', "")
    )
    name = 'http_requests_total{handler="/metrics",instance="a",code='
    series = {
        f'{name}"200"}}': counter((90, 600), (10, 420), (60, 600)),
        f'{name}"500"}}': counter((90, 0), (10, 180), (60, 0)),
    }
    simulation = Simulation(found.specs, series)

    simulation.holds(
        "2h",
        f'abs(burnline_slo_burn_rate{{slo="metrics-availability",window="1h"}} * 0.001'
        f" / on () (1 - {good} / {valid}) - 1) < 0.02",
    )

    simulation.run(tmp_path)
