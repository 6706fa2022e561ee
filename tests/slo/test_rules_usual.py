"""What the usual rules get wrong, and ours do not: both over the same history.

The usual rules are those of Sloth's golden `examples/_gen/getting-started.yml` for one SLO of 99.9 % over 30 days.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.slo.promtool import Simulation, counter, service

pytestmark = pytest.mark.integration

OK, BAD = 'http_requests_total{status="200"}', 'http_requests_total{status="500"}'
OURS = """
- name: availability
  objective: 99.9%
  window: 30d
  sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}
"""
LEFT = "burnline_slo_error_budget_remaining_ratio"
USUAL_LEFT = "slo:period_error_budget_remaining:ratio"
BUDGET = 0.001
RATE = "slo:sli_error:ratio_rate"


def usual() -> dict[str, Any]:
    """One group, so that the rules run in order; Sloth has three."""
    over = '(sum(rate(http_requests_total{{status=~"5.."}}[{w}]))) / (sum(rate(http_requests_total[{w}])))'
    windows = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
    rules: list[dict[str, Any]] = [{"record": RATE + w, "expr": over.format(w=w)} for w in windows]
    period = f"sum_over_time({RATE}5m[30d]) / count_over_time({RATE}5m[30d])"
    rules.append({"record": f"{RATE}30d", "expr": period})
    rules.append({"record": USUAL_LEFT, "expr": f"1 - {RATE}30d / {BUDGET}"})
    for name, tiers in {
        "page": (("5m", "1h", 14.4), ("30m", "6h", 6)),
        "ticket": (("2h", "1d", 3), ("6h", "3d", 1)),
    }.items():
        both = [f"({RATE}{s} > {b * BUDGET} and {RATE}{long} > {b * BUDGET})" for s, long, b in tiers]
        rules.append({"alert": f"usual-{name}", "expr": " or ".join(both)})
    return {"name": "usual", "interval": "1m", "rules": rules}


def side_by_side(series: dict[str, str]) -> Simulation:
    return Simulation([service(OURS)], series, beside=[usual()])


def test_after_a_quiet_quarter_of_an_hour_the_usual_budget_is_nan_for_thirty_days(tmp_path: Path) -> None:
    simulation = side_by_side({OK: counter((30, 60), (15, 0), (46, 60)), BAD: counter((91, 0))})

    simulation.absent("90m", f"{USUAL_LEFT} >= -Inf")  # NaN is no number
    simulation.holds("90m", f"count({USUAL_LEFT}) == 1", f"{LEFT} == 1")

    simulation.run(tmp_path)


def test_before_the_first_error_the_usual_rules_know_nothing(tmp_path: Path) -> None:
    simulation = side_by_side({OK: counter((31, 60))})

    simulation.absent("30m", f"{RATE}5m", USUAL_LEFT)
    simulation.holds("30m", f"{LEFT} == 1", 'burnline_slo_state{state="ok"} == 1')

    simulation.run(tmp_path)


def test_the_usual_budget_weighs_minutes_and_not_events(tmp_path: Path) -> None:
    """Ten busy minutes, half of it failing, then ninety quiet ones: half of all requests failed."""
    simulation = side_by_side({OK: counter((10, 300), (91, 0.5)), BAD: counter((10, 300), (91, 0))})

    simulation.holds("100m", f"{RATE}30d < 0.1")
    simulation.holds("100m", 'abs(1 - burnline_slo_sli_ratio{window="30d"} - 0.5) < 0.01')

    simulation.run(tmp_path)


def test_one_failure_at_ten_requests_an_hour_pages_and_tickets_at_once_as_usual(tmp_path: Path) -> None:
    simulation = side_by_side({OK: counter(*[(5, 0), (1, 1)] * 12), BAD: counter((65, 0), (1, 1), (6, 0))})

    simulation.holds(
        "66m",
        'ALERTS{alertname="usual-page",alertstate="firing"}',
        'ALERTS{alertname="usual-ticket",alertstate="firing"}',
    )
    simulation.absent("66m", 'ALERTS{alertname="ErrorBudgetBurn"}')

    simulation.run(tmp_path)
