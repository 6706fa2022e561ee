"""Every kind of SLI, window and exclusion in the compiled rules, as Prometheus evaluates them over one history."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.slo.alerts import burn_annotations, burn_labels
from burnline.slo.windows import tiers_of
from tests.slo.promtool import Simulation, counter, firing, service

pytestmark = pytest.mark.integration

RATIO = "sli: {ratio: {bad: 'r_total{code=\"500\"}', total: r_total}}"
# 100 requests a minute; half of them fail in minutes 22 to 31
HISTORY = {
    'r_total{code="200"}': counter((21, 100), (10, 50), (30, 100)),
    'r_total{code="500"}': counter((21, 0), (10, 50), (30, 0)),
    "quiet_total": counter((61, 10)),
    "idle_total": counter((61, 0), start=5),
    "rows_total": counter((41, 30), (20, 10)),
    "last_run_seconds": counter((11, 60), (50, 0)),
}


def added(slo: str, event: str, at: float) -> str:
    """The condition that one interval added so much."""
    return f'abs(slo:events:increase1m{{slo="{slo}",event="{event}"}} - {at}) < 1e-9'


def sli(slo: str, value: float, window: str = "5m") -> str:
    return f'abs(burnline_slo_sli_ratio{{slo="{slo}",window="{window}"}} - {value}) < 1e-9'


def test_every_kind_counts_what_it_says(tmp_path: Path) -> None:
    spec = service(f"""
- {{name: plain, objective: 99%, window: 30d, {RATIO}}}
- {{name: quiet, objective: 99%, window: 30d, sli: {{ratio: {{bad: no_such_total, total: quiet_total}}}}}}
- {{name: idle, objective: 99%, window: 30d, sli: {{ratio: {{bad: no_such_total, total: idle_total}}}}}}
- {{name: sliced, objective: 99%, window: 30d, slices: {{length: 5m, target: 95%}}, {RATIO}}}
- {{name: parts, objective: 99%, window: 30d, slices: {{length: 5m}}, {RATIO}}}
- {{name: idle-slices, objective: 99%, window: 30d, slices: {{length: 5m}}, sli: {{same_as: idle}}}}
- {{name: rows, objective: 99%, window: 30d, sli: {{throughput: {{counter: rows_total, at_least: 100, per: 5m}}}}}}
- {{name: fresh, objective: 99%, window: 30d, sli: {{freshness: {{timestamp: last_run_seconds, max_age: 15m}}}}}}
- {{name: month, objective: 99%, window: {{calendar: month, tz: Europe/Berlin}}, {RATIO}}}
- {{name: weighted, objective: 99%, window: 30d, sli: {{composite: {{weighted: {{plain: 2, quiet: 1}}}}}}}}
- {{name: with-idle, objective: 99%, window: 30d, sli: {{composite: {{weighted: {{plain: 2, idle: 1}}}}}}}}
- {{name: worst, objective: 99%, window: 30d, sli: {{composite: {{worst_of: [plain, quiet]}}}}}}
- {{name: all, objective: 99%, window: 30d, sli: {{composite: {{all_of: [plain, quiet]}}}}}}
- name: free
  objective: 99%
  window: 30d
  sli: {{promql: {{bad: 'rate(r_total{{code="500"}}[$window]) # "failed"', total: 'sum(rate(r_total[$window]))'}}}}
- name: share
  objective: 99%
  window: 30d
  sli: {{promql: {{error_ratio: 'sum(rate(r_total{{code="500"}}[$window])) / sum(rate(r_total[$window]))'}}}}
- name: idle-share
  objective: 99%
  window: 30d
  sli: {{promql: {{error_ratio: 'sum(rate(idle_total[$window])) / sum(rate(idle_total[$window]))'}}}}
""")
    simulation = Simulation([spec], HISTORY)

    simulation.holds("30m", added("plain", "bad", 50), added("plain", "total", 100), sli("plain", 0.5))
    # slices end every five minutes; in between nothing happens, and is seen to
    simulation.holds("20m", added("sliced", "bad", 0), added("sliced", "total", 1), added("parts", "total", 1))
    simulation.holds("24m", added("sliced", "bad", 0), added("sliced", "total", 0), added("parts", "bad", 0))
    simulation.holds("25m", added("sliced", "bad", 1), added("sliced", "total", 1), added("parts", "bad", 0.4))
    simulation.holds("30m", added("sliced", "bad", 1), added("parts", "bad", 0.5), added("idle-slices", "total", 0))
    simulation.holds("40m", added("rows", "bad", 0), added("rows", "total", 1))
    simulation.holds("45m", added("rows", "bad", 1), added("rows", "total", 1))
    simulation.holds("26m", added("fresh", "bad", 0), added("fresh", "total", 1))
    simulation.holds("27m", added("fresh", "bad", 1), added("fresh", "total", 1))
    simulation.holds("30m", sli("weighted", 2 / 3), sli("with-idle", 0.5), sli("worst", 0.5))
    simulation.holds("30m", 'slo:events:increase_over{slo="weighted",window="5m",event="total"} == 550')
    simulation.holds("20m", added("all", "bad", 0), added("all", "total", 1))
    simulation.holds("30m", added("all", "bad", 1), added("all", "total", 1), sli("all", 0))
    simulation.holds("30m", sli("free", 0.5), sli("share", 0.5), added("share", "total", 1))
    simulation.holds("30m", added("idle-share", "total", 0), added("idle-share", "bad", 0))
    # over their own windows
    simulation.holds("60m", sli("plain", 1 - 500 / 6000, "30d"), sli("worst", 1 - 500 / 6000, "30d"))
    simulation.holds("60m", sli("weighted", 1 - 2 * 500 / 6000 / 3, "30d"), sli("all", 1 - 10 / 60, "30d"))
    simulation.holds("60m", sli("sliced", 1 - 3 / 12, "30d"), sli("rows", 1 - 4 / 12, "30d"))
    simulation.holds("60m", sli("month", 1 - 500 / 6000, "month"))
    left = 1 - (500 / 6000 / 0.01) * 3600 / (31 * 86_400)
    simulation.holds("60m", f'abs(burnline_slo_error_budget_remaining_ratio{{slo="month"}} - {left}) < 1e-9')
    simulation.absent("60m", 'burnline_slo_sli_ratio{slo="idle"}', 'ALERTS{alertname="SloNoData"}')

    simulation.run(tmp_path)


def test_a_threshold_may_ask_how_much_of_the_time_it_was_beyond(tmp_path: Path) -> None:
    """Four looks a minute: two, then one, then four are too high."""
    spec = service("[{name: heat, objective: 95%, window: 30d, sli: {threshold: {gauge: temp, above: 80, for: 50%}}}]")
    looks = [50] * 5 + [90, 90, 50, 50] + [90, 50, 50, 50] + [90] * 4 + [50] * 4
    values = " ".join(map(str, looks))
    nothing = " ".join(["NaN"] * len(looks))
    series = {'temp{gpu="0"}': values, 'temp{gpu="1"}': nothing}
    simulation = Simulation([spec], series, sampling="15s")

    simulation.holds("1m", added("heat", "bad", 0), added("heat", "total", 1))
    simulation.holds("2m", added("heat", "bad", 1), added("heat", "total", 1))
    simulation.holds("3m", added("heat", "bad", 0))
    simulation.holds("4m", added("heat", "bad", 1))
    simulation.holds("5m", added("heat", "bad", 0))

    simulation.run(tmp_path)


def test_what_is_excluded_counts_nothing_and_alerts_nobody(tmp_path: Path) -> None:
    """A third of the requests fails from minute 22 on; minutes 33 to 40 are maintenance."""
    away = [{"from": "1970-01-01T00:32:00Z", "to": "1970-01-01T00:40:00Z", "reason": "move", "slos": ["moved"]}]
    spec = service(
        f"""
- {{name: moved, objective: 99.9%, window: 30d, {RATIO}}}
- {{name: stayed, objective: 99.9%, window: 30d, {RATIO}}}
- {{name: quiet, objective: 99%, window: 30d, sli: {{throughput: {{counter: rows_total, at_least: 1000, per: 5m}}}}}}
""",
        exclude=[*away, {**away[0], "slos": ["quiet"]}],
    )
    simulation = Simulation([spec], {**HISTORY, 'r_total{code="500"}': counter((21, 0), (40, 50))})
    excluded = 'burnline_slo_excluded{slo="moved"}'

    simulation.holds("32m", f"{excluded} == 0", added("moved", "bad", 50))
    simulation.holds("33m", f"{excluded} == 1", firing("page-fast", "moved"))
    simulation.absent("33m", 'slo:events:increase1m{slo="moved"}')
    simulation.absent("40m", 'slo:events:increase1m{slo="moved"}', 'ALERTS{alertname="SloNoData"}')
    simulation.holds("40m", 'burnline_slo_state{slo="moved",state="unknown"} == 1', firing("page-fast", "moved"))
    simulation.holds("41m", f"{excluded} == 0", added("moved", "bad", 50), added("moved", "total", 150))
    simulation.holds("40m", 'burnline_slo_state{slo="stayed",state="breached"} == 1')
    # what was counted at 60m: eight minutes fewer than without the exclusion
    simulation.holds("60m", 'slo:events:increase_window{slo="moved",event="bad"} == (39 - 8) * 50')
    simulation.holds("60m", 'slo:events:increase_window{slo="moved",event="seen"} == (60 - 8) * 60')
    simulation.holds("60m", 'slo:events:increase_window{slo="quiet",event="total"} == 12 - 2')

    simulation.run(tmp_path)


def test_a_tier_of_the_teams_own_waits_for_its_events_and_its_time(tmp_path: Path) -> None:
    own = "{name: own, severity: page, long: 30m, short: 5m, factor: 5, %s}"
    tiers = [
        own % "for: 3m",
        (own % "min_events: 3100").replace("own", "many"),
        (own % "for: 0s").replace("own", "now"),
    ]
    spec = service(f"[{{name: a, objective: 99%, window: 30d, tiers: [{', '.join(tiers)}], {RATIO}}}]")
    simulation = Simulation([spec], HISTORY)

    # at 24m 150 of 2,400 are bad, 6.25 times the budget, for 24 of 30 minutes: 5 times, not more
    simulation.absent("24m", firing("now", "a"))
    simulation.holds("25m", firing("now", "a"))
    simulation.absent("27m", firing("own", "a"), firing("many", "a"))
    simulation.holds("28m", firing("own", "a"))
    simulation.absent("31m", firing("many", "a"))

    simulation.run(tmp_path)


def test_a_page_says_which_dependency_pages_too(tmp_path: Path) -> None:
    spec = service(f"""
- {{name: base, objective: 99.9%, window: 30d, {RATIO}}}
- {{name: idle, objective: 99.9%, window: 30d, sli: {{ratio: {{bad: no_such_total, total: quiet_total}}}}}}
- {{name: front, objective: 99.9%, window: 30d, depends_on: [base, idle, other/thing], {RATIO}}}
""")
    front = spec.slo("front")
    assert front is not None
    page = tiers_of(front)[0]
    labels = {name: value for name, value in burn_labels(spec, "front", page).items() if name != "alertname"}
    words = {**burn_annotations(spec, "front", page), "dependency": "card-fraud/base pages too: look there first. "}
    simulation = Simulation([spec], HISTORY)
    simulation.alerts.append(
        {
            "eval_time": "24m",
            "alertname": "ErrorBudgetBurn",
            "exp_alerts": [
                {"exp_labels": labels, "exp_annotations": words},
                {
                    "exp_labels": {**labels, "slo": "base"},
                    "exp_annotations": burn_annotations(spec, "base", page),
                },
            ],
        }
    )
    simulation.run(tmp_path)


def test_a_budget_policys_steps_come_into_force_one_by_one(tmp_path: Path) -> None:
    steps = [{"left": "95%", "do": "notify"}, {"left": "25%", "do": "freeze_releases"}]
    spec = service(f"[{{name: a, objective: 99.9%, window: 30d, {RATIO}}}]", budget_policy=steps)
    simulation = Simulation([spec], HISTORY)
    in_force = 'burnline_slo_budget_policy{service="card-fraud",step="%s"} == %d'

    simulation.holds("20m", in_force % ("notify", 0))
    simulation.holds("40m", in_force % ("notify", 1), in_force % ("freeze_releases", 0))
    simulation.holds(
        "40m", 'ALERTS{alertname="ErrorBudgetPolicy",alertstate="firing",step="notify",owner="payments-ml"}'
    )
    simulation.absent("40m", 'ALERTS{alertname="ErrorBudgetPolicy",step="freeze_releases"}')

    simulation.run(tmp_path)
