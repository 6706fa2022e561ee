"""The rules as Prometheus evaluates them: the workbook's table, and what usual rule generators get wrong."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from burnline.slo.alerts import burn_annotations, burn_labels
from burnline.slo.compiler.rules import render_rules
from burnline.slo.compiler.slo import literal
from burnline.slo.windows import tiers
from tests.programs import program
from tests.slo.promtool import Simulation, counter, firing, service

pytestmark = pytest.mark.integration

AVAILABILITY = """
- name: availability
  objective: 99.9%
  window: 30d
  sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}
"""
LATENCY = "[{name: latency, objective: 99%, window: 30d, sli: {latency: {histogram: wait_seconds, below: 1s}}}]"
HOUR, DAY = 60, 24 * 60  # samples
OK, BAD, NOT_FOUND = (f'http_requests_total{{pod="a",status="{status}"}}' for status in (200, 500, 404))
SLI = 'burnline_slo_sli_ratio{window="30d"}'
BUDGET = "burnline_slo_error_budget_remaining_ratio"


def outage(*, share: float, healthy: int, minutes: int, after: int = 0, rate: int = 600) -> dict[str, str]:
    """`rate` requests a minute; all well for `healthy` minutes, then `share` of them fail for `minutes`."""
    bad = rate * share
    return {
        OK: counter((healthy, rate), (minutes, rate - bad), (after + 1, rate)),
        BAD: counter((healthy, 0), (minutes, bad), (after + 1, 0)),
    }


def minute(number: int) -> str:
    return f"{number}m"


# (1 - objective) / error ratio x burn rate x long window, and short window x (1 - burn rate x (1 - objective)): seconds
WORKBOOK = {
    "page-fast": (51.84, 518.4, 295.68),
    "page-slow": (129.6, 1296, 1789.2),
    "ticket-fast": (259.2, 2592, 7178.4),
    "ticket-slow": (259.2, 2592, 21578.4),
}


def test_every_tier_fires_at_the_first_evaluation_after_the_workbooks_detection_time(tmp_path: Path) -> None:
    """An SLO that burns from its first minute is charged for what it has seen, so the times are the same."""
    slos = {"all": "5..|404", "tenth": "5.."}
    specs = [service(AVAILABILITY.replace("5..", how), name=name) for name, how in slos.items()]
    series = {BAD: counter((46, 60)), NOT_FOUND: counter((46, 540))}
    simulation = Simulation(specs, series)
    for tier, seconds in WORKBOOK.items():
        for name, detected in zip(slos, seconds[:2], strict=True):
            due = int(detected // 60) + 1
            simulation.absent(minute(due - 1), firing(tier, of=name))
            simulation.holds(minute(due), firing(tier, of=name))

    simulation.run(tmp_path)


def test_every_tier_resets_when_its_short_window_has_recovered(tmp_path: Path) -> None:
    """After six hours of outage, not after the long window's days."""
    simulation = Simulation([service(AVAILABILITY)], outage(share=1, healthy=1, minutes=6 * HOUR, after=6 * HOUR))
    for tier, (_, _, reset) in WORKBOOK.items():
        due = 1 + 6 * HOUR + int(reset // 60) + 1
        simulation.holds(minute(due - 1), firing(tier))
        simulation.absent(minute(due), firing(tier))
    # hour by hour, nothing was lost or counted twice
    simulation.holds("720m", 'slo:events:increase_window{event="bad"} == 6 * 60 * 600')
    simulation.holds("720m", 'slo:events:increase_window{event="total"} == 720 * 600')
    simulation.holds("720m", 'slo:events:increase_window{event="seen"} == 720 * 60')

    simulation.run(tmp_path)


def test_a_tier_that_can_never_fire_for_a_loose_objective_is_not_there(tmp_path: Path) -> None:
    """The workbook's last column: page-fast needs an objective over 93.06 %, ticket-fast one over 66.67 %."""
    tiers = "tiers: [ticket-slow]"
    loose = service(AVAILABILITY.replace("99.9%", "60%").replace("window", f"{tiers}\n  window"))
    simulation = Simulation([loose], outage(share=1, healthy=1, minutes=40))

    simulation.absent("39m", firing("page-fast"), firing("page-slow"), firing("ticket-fast"))

    simulation.run(tmp_path)


def test_a_page_fires_on_an_old_slo_as_on_a_young_one(tmp_path: Path) -> None:
    simulation = Simulation([service(AVAILABILITY)], outage(share=0.1, healthy=HOUR, minutes=12), t2=False)

    simulation.absent(minute(HOUR + 8), firing("page-fast"))
    simulation.holds(minute(HOUR + 9), firing("page-fast"))

    simulation.run(tmp_path)


def test_an_error_rate_on_the_objective_never_alerts(tmp_path: Path) -> None:
    simulation = Simulation([service(AVAILABILITY)], outage(share=0.001, healthy=1, minutes=2 * HOUR))

    simulation.absent("2h", "ALERTS")
    simulation.holds("2h", 'abs(burnline_slo_burn_rate{window="1h"} - 1) < 1e-9')

    simulation.run(tmp_path)


def test_an_idle_quarter_of_an_hour_does_not_spoil_the_budget(tmp_path: Path) -> None:
    """0/0 recorded as NaN would stay in the period until it leaves it."""
    series = {OK: counter((30, 60), (15, 0), (46, 60)), BAD: counter((91, 0))}
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.absent("44m", 'burnline_slo_burn_rate{window="5m"}')
    simulation.holds("44m", f"{BUDGET} == 1", 'slo:events:increase1m{event="total"} == 0')
    simulation.holds("90m", f"{BUDGET} == 1", 'burnline_slo_burn_rate{window="3d"} == 0')
    simulation.absent("90m", f"{BUDGET} != {BUDGET}", 'ALERTS{alertname="ErrorBudgetBurn"}')

    simulation.run(tmp_path)


def test_a_service_that_has_never_failed_burns_nothing(tmp_path: Path) -> None:
    """No error series exists yet: that is no error, not no data."""
    simulation = Simulation([service(AVAILABILITY)], {OK: counter((HOUR + 1, 60))})

    simulation.holds("1h", 'burnline_slo_burn_rate{window="1h"} == 0', f"{BUDGET} == 1", f"{SLI} == 1")
    simulation.absent("1h", "ALERTS")

    simulation.run(tmp_path)


def test_the_first_errors_of_a_service_count_from_zero(tmp_path: Path) -> None:
    """The error series is born with the outage: a minute of it is not lost, and the page is not late."""
    target = 'http_requests_total{job="x",instance="a:1",status="%d"}'
    series = {target % 200: counter((HOUR + 1, 600), (5, 0)), target % 500: f"_x61 {counter((5, 600), start=600)}"}
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.holds("61m", 'slo:events:increase1m{event="bad"} == 600', firing("page-fast"))

    simulation.run(tmp_path)


def test_what_a_target_counted_before_it_was_first_scraped_is_not_counted(tmp_path: Path) -> None:
    old = 'http_requests_total{job="x",instance="a:1",status="200"}'
    new = 'http_requests_total{job="x",instance="b:1",status="500"}'
    series = {old: counter((31, 60)), new: f"_x10 {counter((21, 0), start=1_000_000)}"}
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.absent("30m", "ALERTS")
    simulation.holds("30m", f"{BUDGET} == 1")

    simulation.run(tmp_path)


def test_the_budget_weighs_events_and_not_hours(tmp_path: Path) -> None:
    """Ten busy minutes, half of it failing, and ninety quiet ones: 49.6 % of the events failed, not 5 % of the time."""
    busy, quiet = 600, 0.5
    series = {OK: counter((10, busy / 2), (91, quiet)), BAD: counter((10, busy / 2), (91, 0))}
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.holds("100m", f"abs((1 - {SLI}) - 0.496) < 0.003")

    simulation.run(tmp_path)


def test_one_failure_among_ten_requests_an_hour_pages_only_who_asks_for_it(tmp_path: Path) -> None:
    """One of ten is a hundred times the budget of 99.9 %, and nothing to wake up for."""
    series = {OK: counter(*[(5, 0), (1, 1)] * 12), BAD: counter((65, 0), (1, 1), (6, 0))}
    every_one = service(AVAILABILITY.replace("sli:", "min_bad_events: 1\n  sli:"), name="every-one")
    few = service(AVAILABILITY.replace("sli:", "min_bad_events: 1\n  min_events: 50\n  sli:"), name="few")
    simulation = Simulation([few, every_one, service(AVAILABILITY, name="plain")], series)

    simulation.absent("66m", 'ALERTS{service=~"plain|few",alertname="ErrorBudgetBurn"}')
    simulation.holds("66m", firing("page-fast", of="every-one"))

    simulation.run(tmp_path)


def test_enough_events_page_as_ever(tmp_path: Path) -> None:
    guarded = service(AVAILABILITY.replace("sli:", "min_events: 50\n  sli:"))
    simulation = Simulation([guarded], outage(share=1, healthy=HOUR, minutes=10, rate=60))

    simulation.holds(minute(HOUR + 5), firing("page-fast"))

    simulation.run(tmp_path)


def test_a_restart_of_one_pod_is_not_read_as_a_restart_of_all(tmp_path: Path) -> None:
    """Pod b starts again at 0 after half an hour; pod c vanishes. Sum first, increase later would add thousands."""
    other = 'http_requests_total{pod="b",status="200"}', 'http_requests_total{pod="c",status="200"}'
    series = {
        OK: counter((HOUR + 1, 60), start=1_000_000),
        BAD: counter((HOUR + 1, 0), start=7),
        other[0]: f"{counter((30, 10), start=500)} {counter((31, 10), start=10)}",
        other[1]: f"{counter((40, 10), start=900)} _x20",
    }
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.holds("30m", 'slo:events:increase1m{event="total"} == 80', 'slo:events:increase1m{event="bad"} == 0')
    simulation.holds("45m", 'slo:events:increase1m{event="total"} == 70')
    simulation.holds("1h", f"{BUDGET} == 1")
    simulation.absent("1h", "ALERTS")

    simulation.run(tmp_path)


def test_a_failed_scrape_loses_no_events(tmp_path: Path) -> None:
    """The increase over the gap is counted when the counter is seen again."""
    series = {OK: "0+60x20 _ 1320+60x20", BAD: "0x20 _ 30x20"}
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.holds("25m", 'sum_over_time(slo:events:increase1m{event="bad"}[25m]) == 30')
    simulation.holds("41m", 'sum_over_time(slo:events:increase1m{event="total"}[41m]) == 41 * 60 + 30')

    simulation.run(tmp_path)


def test_a_service_that_is_gone_is_reported_and_not_healthy(tmp_path: Path) -> None:
    simulation = Simulation([service(AVAILABILITY)], {OK: f"{counter((30, 60))} _x30"})
    no_data = 'ALERTS{alertname="SloNoData",alertstate="firing",severity="ticket",slo="availability"}'

    simulation.absent("29m", 'ALERTS{alertname="SloNoData"}')
    simulation.absent("36m", 'slo:events:increase1m{event="total"}', 'burnline_slo_burn_rate{window="5m"}')
    simulation.holds("36m", no_data)

    simulation.run(tmp_path)


def test_a_service_that_goes_silent_while_it_burns_has_not_recovered(tmp_path: Path) -> None:
    """The page goes on, through a short window without any data, until data says otherwise."""
    series = {
        OK: f"{counter((HOUR, 600), (5, 0))} _x30 {counter((16, 600), start=36_000)}",
        BAD: f"{counter((HOUR, 0), (5, 600))} _x30 {counter((16, 0), start=3_000)}",
    }
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.holds("64m", firing("page-fast"))
    simulation.absent("90m", 'burnline_slo_burn_rate{window="5m"}')
    simulation.holds("90m", firing("page-fast"), 'ALERTS{alertname="SloNoData",alertstate="firing"}')
    simulation.absent("97m", firing("page-fast"), 'ALERTS{alertname="SloNoData"}')

    simulation.run(tmp_path)


def test_a_page_of_a_service_that_has_gone_idle_ends_when_its_window_is_empty(tmp_path: Path) -> None:
    series = {OK: counter((HOUR, 600), (5, 0), (80, 0)), BAD: counter((HOUR, 0), (5, 600), (80, 0))}
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.holds("100m", firing("page-fast"))
    simulation.absent("130m", firing("page-fast"))
    simulation.holds("130m", firing("page-slow"))

    simulation.run(tmp_path)


def test_errors_that_a_target_hid_for_a_while_are_no_new_ones(tmp_path: Path) -> None:
    """As exporters do that show a series only while something happens; a restart meanwhile counts from zero."""
    series = {
        OK: counter((120, 600)),
        BAD: f"{counter((50, 0), start=5_000)} stale _x8 {counter((50, 0), start=5_000)}",
        NOT_FOUND: f"{counter((50, 0))} stale _x8 {counter((50, 0), start=7)}",
    }
    simulation = Simulation([service(AVAILABILITY.replace("5..", "5..|404"))], series)

    simulation.absent("61m", 'slo:events:increase1m{event="bad"} > 0')
    simulation.absent("70m", "ALERTS")

    simulation.run(tmp_path)


def test_an_alert_that_has_resolved_is_not_woken_by_silence(tmp_path: Path) -> None:
    series = {
        OK: f"{counter((HOUR, 600), (5, 0), (10, 600))} _x20",
        BAD: f"{counter((HOUR, 0), (5, 600), (10, 0))} _x20",
    }
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.absent("74m", firing("page-fast"))
    simulation.absent("90m", firing("page-fast"))

    simulation.run(tmp_path)


def test_the_time_to_exhaustion_is_given_while_the_budget_is_spent_too_fast(tmp_path: Path) -> None:
    """30 d / 14.4 is the 50 hours of the workbook's table; here ten times faster than sustainable."""
    simulation = Simulation([service(AVAILABILITY)], outage(share=0.01, healthy=1, minutes=HOUR + 30))
    left = "burnline_slo_error_budget_remaining_ratio"

    simulation.holds("90m", f"abs(burnline_slo_budget_exhaustion_seconds - {left} * 2592000 / 10) < 1")

    simulation.run(tmp_path)


def test_what_burnline_exposes_under_the_same_names_does_not_alert(tmp_path: Path) -> None:
    """Prometheus may scrape burnline while it evaluates the rules."""
    own = 'service="card-fraud",slo="availability",job="burnline",instance="b:1"'
    series = {
        OK: counter((HOUR + 1, 60)),
        f'burnline_slo_burn_rate{{{own},window="1h"}}': "99x60",
        f'burnline_slo_burn_rate{{{own},window="5m"}}': "99x60",
        f"burnline_slo_sli_ratio{{{own}}}": "0.5x60",
    }
    simulation = Simulation([service(AVAILABILITY)], series)

    simulation.absent("1h", "ALERTS")
    simulation.holds("1h", f"{BUDGET} == 1")

    simulation.run(tmp_path)


def test_an_idle_service_has_data(tmp_path: Path) -> None:
    simulation = Simulation([service(AVAILABILITY)], {OK: counter((HOUR + 1, 0), start=100)})

    simulation.absent("1h", "ALERTS")

    simulation.run(tmp_path)


@pytest.mark.parametrize("bound", ["1", "1.0"])
def test_slow_events_are_bad_whichever_way_the_bound_is_written(tmp_path: Path, bound: str) -> None:
    slow = service(
        "[{name: latency, objective: 99%, window: 30d, sli: {latency: {histogram: wait_seconds, below: 1s}}}]"
    )
    series = {
        f'wait_seconds_bucket{{le="{bound}"}}': counter((HOUR + 1, 90)),
        'wait_seconds_bucket{le="2.5"}': counter((HOUR + 1, 100)),
        "wait_seconds_count": counter((HOUR + 1, 100)),
    }
    simulation = Simulation([slow], series)

    simulation.holds("1h", f"abs({SLI} - 0.9) < 1e-9", 'burnline_slo_burn_rate{window="1h"} > 9.99')

    simulation.run(tmp_path)


def test_a_histogram_without_that_bucket_is_no_data_and_not_all_bad(tmp_path: Path) -> None:
    slow = service(
        "[{name: latency, objective: 99%, window: 30d, sli: {latency: {histogram: wait_seconds, below: 1s}}}]"
    )
    series = {'wait_seconds_bucket{le="2.5"}': counter((31, 100)), "wait_seconds_count": counter((31, 100))}
    simulation = Simulation([slow], series)

    simulation.absent("30m", "slo:events:increase1m", 'ALERTS{alertname="ErrorBudgetBurn"}')
    simulation.holds("30m", 'ALERTS{alertname="SloNoData",alertstate="firing"}')

    simulation.run(tmp_path)


def test_good_events_that_never_existed_mean_that_all_failed(tmp_path: Path) -> None:
    good = service("[{name: a, objective: 99%, window: 1w, sli: {ratio: {good: 'r{ok=\"1\"}', total: r}}}]")
    simulation = Simulation([good], {'r{ok="0"}': counter((31, 10))})

    simulation.holds("30m", 'burnline_slo_sli_ratio{window="7d"} == 0', 'slo:events:increase1m{event="bad"} == 10')

    simulation.run(tmp_path)


def test_a_signal_counts_the_detectors_events(tmp_path: Path) -> None:
    quality = service("[{name: quality, objective: 95%, window: 28d, sli: {signal: drift}}]")
    series = {
        'burnline_signal_events_total{service="card-fraud",signal="drift"}': counter((61, 100)),
        'burnline_signal_bad_events_total{service="card-fraud",signal="drift"}': counter((61, 20)),
        'burnline_signal_events_total{service="other",signal="drift"}': counter((61, 1000)),
    }
    simulation = Simulation([quality], series)

    simulation.holds("1h", 'abs(burnline_slo_sli_ratio{window="28d"} - 0.8) < 1e-9')

    simulation.run(tmp_path)


def test_a_detector_that_stands_still_is_no_data(tmp_path: Path) -> None:
    """Its counters stay on the page while no predictions come."""
    quality = service("[{name: quality, objective: 95%, window: 28d, sli: {signal: drift}}]")
    series = {'burnline_signal_events_total{service="card-fraud",signal="drift"}': counter((HOUR, 100), (2 * HOUR, 0))}
    simulation = Simulation([quality], series)

    simulation.absent("60m", "ALERTS")
    simulation.holds("3h", 'ALERTS{alertname="SloNoData",alertstate="firing",slo="quality"}')

    simulation.run(tmp_path)


def test_an_slo_may_share_the_sli_of_another(tmp_path: Path) -> None:
    two = service(AVAILABILITY + "- {name: week, objective: 99%, window: 7d, sli: {same_as: availability}}\n")
    simulation = Simulation([two], outage(share=0.5, healthy=1, minutes=30))

    simulation.holds("30m", 'burnline_slo_burn_rate{slo="week",window="5m"} == 50')

    simulation.run(tmp_path)


def test_a_threshold_counts_the_minutes_in_which_the_worst_series_was_out_of_bounds(tmp_path: Path) -> None:
    hot = service("[{name: heat, objective: 95%, window: 30d, sli: {threshold: {gauge: temp, above: 80, below: 5}}}]")
    series = {
        'temp{gpu="0"}': "50x30",
        'temp{gpu="1"}': "50x9 90x2 50x6 1 50x11",
        'temp{gpu="2"}': " ".join(["NaN"] * 30),
    }
    simulation = Simulation([hot], series)

    simulation.holds("9m", 'slo:events:increase1m{event="bad"} == 0')
    simulation.holds("10m", 'slo:events:increase1m{event="bad"} == 1')
    simulation.holds(
        "29m",
        'sum_over_time(slo:events:increase1m{event="bad"}[30m]) == 4',
        'sum_over_time(slo:events:increase1m{event="total"}[30m]) == 30',
    )

    simulation.run(tmp_path)


def test_an_alert_carries_the_labels_and_words_that_the_embedded_engine_sends(tmp_path: Path) -> None:
    spec = service(AVAILABILITY)
    page = tiers(timedelta(days=30), 0.999)[0]
    labels = burn_labels(spec, "availability", page)
    del labels["alertname"]
    simulation = Simulation([spec], outage(share=1, healthy=HOUR, minutes=3), t2=False)

    expected = {"exp_labels": labels, "exp_annotations": burn_annotations(spec, "availability", page)}
    simulation.alerts.append({"eval_time": "61m", "alertname": "ErrorBudgetBurn", "exp_alerts": [expected]})

    simulation.run(tmp_path)


def test_an_slo_younger_than_the_window_has_spent_only_its_share(tmp_path: Path) -> None:
    """Half of a minute's requests failed: 500 times the budget for a sixtieth of the hour."""
    simulation = Simulation([service(AVAILABILITY)], outage(share=0.5, healthy=1, minutes=10), t2=False)

    simulation.holds("2m", 'abs(burnline_slo_burn_rate{window="1h"} - 500 / 60) < 1e-6')
    simulation.absent("2m", "ALERTS")
    simulation.holds("3m", 'abs(burnline_slo_burn_rate{window="1h"} - 1000 / 60) < 1e-6', firing("page-fast"))

    simulation.run(tmp_path)


def test_words_from_a_service_file_reach_the_pager_untouched(tmp_path: Path) -> None:
    """Prometheus reads annotations as Go templates; a description must not become one."""
    hostile = '{{ query "up" }} {{{ $labels }}-}} {{"{{"}}'
    spec = service(AVAILABILITY + f"  description: '{hostile}'\n")
    simulation = Simulation([spec], {OK: f"{counter((5, 60))} _x20"})
    words = {"summary": "card-fraud availability has no data"}
    description = (
        "Nothing was counted for 2m, so nobody knows whether the objective is met. Check that Prometheus scrapes the "
        f"service and that the metric is still called what the service file says. {hostile}"
    )
    labels = {"service": "card-fraud", "slo": "availability", "severity": "ticket", "owner": "payments-ml"}
    expected = {"exp_labels": labels, "exp_annotations": {**words, "description": description}}

    simulation.alerts.append({"eval_time": "15m", "alertname": "SloNoData", "exp_alerts": [expected]})

    simulation.run(tmp_path)


def test_text_without_templates_is_left_alone() -> None:
    assert literal("a {b} }} 100%") == "a {b} }} 100%"


def test_an_hour_at_twelve_hour_windows_is_a_day_at_thirty(tmp_path: Path) -> None:
    """The same layout with a base of 1 s: full outage, page-fast within 0.864 s and the next evaluation."""
    short = service(AVAILABILITY.replace("30d", "12h"), collect=[{"url": "http://x:1/metrics", "interval": "1s"}])
    series = outage(share=1, healthy=120, minutes=20, after=20)
    simulation = Simulation([short], series, evaluation="1s", sampling="1s")

    simulation.absent("120s", firing("page-fast"))
    simulation.holds("121s", firing("page-fast"))
    simulation.holds("144s", firing("page-fast"))
    simulation.absent("145s", firing("page-fast"))

    simulation.run(tmp_path)


def test_promtool_accepts_the_rules_of_every_kind(tmp_path: Path) -> None:
    every_kind = (
        AVAILABILITY
        + """
- {name: latency, objective: 99%, window: 30d, sli: {latency: {histogram: http_request_duration_seconds, below: 250ms}}}
- {name: quality, objective: 95%, window: 28d, sli: {signal: drift}}
- {name: heat, objective: 95%, window: 12h, sli: {threshold: {gauge: temp, above: 80}}}
"""
    )
    specs = [service(every_kind), service(every_kind, name="other", signals={"drift": {}})]
    (tmp_path / "rules.yml").write_text(render_rules(specs))

    checked = subprocess.run(
        [program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "rules.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
