"""The compiled rules as text: their layout, what they promise to readers, and what users may write into them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from burnline.errors import SpecError
from burnline.slo.compiler.rules import compile_rules, render_rules
from burnline.slo.windows import tiers
from burnline.spec.load import load_service
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from tests.conftest import Golden
from tests.slo.promtool import service

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "rules"
ONE = "[{name: latency, objective: 99%, window: 30d, sli: {ratio: {bad: b, total: t}}}]"
ADDING = ("slo:events:increase1m", "slo:events:increase5m", "slo:events:increase_hour", "slo:events:increase_calendar")
COUNTERS = ("availability", "answered", "latency", "quality", "week", "month", "own")
ALL_KINDS = """
- name: availability
  objective: 99.9%
  window: 30d
  min_events: 50
  sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}
- {name: answered, objective: 99%, window: 28d, sli: {ratio: {good: 'rpc_total{code="OK"}', total: rpc_total}}}
- {name: latency, objective: 99%, window: 30d, sli: {latency: {histogram: http_request_duration_seconds, below: 250ms}}}
- {name: quality, objective: 95%, window: 28d, sli: {signal: drift}}
- {name: heat, objective: 99%, window: 7d, sli: {threshold: {gauge: gpu_celsius, above: 85}}}
- {name: week, objective: 99%, window: 7d, sli: {same_as: availability}}
- {name: heavy, objective: 99%, window: 30d, sli: {threshold: {gauge: load, above: 3, below: 0.5, for: 50%}}}
- {name: fresh, objective: 99%, window: 30d, sli: {freshness: {timestamp: last_run_seconds, max_age: 15m}}}
- {name: busy, objective: 99%, window: 30d, sli: {throughput: {counter: rows_total, at_least: 100}}}
- {name: both, objective: 99%, window: 30d, sli: {composite: {weighted: {availability: 2, latency: 1}}}}
- {name: worst, objective: 99%, window: 30d, sli: {composite: {worst_of: [availability, latency]}}}
- {name: all, objective: 99%, window: 30d, sli: {composite: {all_of: [availability, latency]}}}
- {name: free, objective: 99%, window: 30d, sli: {promql: {bad: 'rate(x[$window]) # odd', total: 'rate(y[$window])'}}}
- {name: ratio, objective: 99%, window: 30d, sli: {promql: {error_ratio: 'avg_over_time(e[$window])'}}}
- {name: minutes, objective: 99%, window: 30d, slices: {length: 5m, target: 95%}, sli: {same_as: answered}}
- {name: parts, objective: 99%, window: 30d, slices: {length: 5m}, sli: {same_as: answered}}
- {name: month, objective: 99%, window: {calendar: month, tz: Europe/Berlin}, sli: {same_as: answered}}
- name: own
  objective: 99%
  window: 30d
  tiers: [page-fast, {name: mine, severity: ticket, long: 1d, short: 2h, factor: 3, for: 10m, min_events: 100}]
  depends_on: [latency, other/availability]
  sli: {same_as: answered}
"""
MORE: dict[str, Any] = {
    "exclude": [
        {"from": "2026-12-01T02:00:00Z", "to": "2026-12-01T04:00:00Z", "reason": "move", "slos": ["availability"]},
        {
            "from": "2026-01-04T03:00:00",
            "rrule": "FREQ=WEEKLY;BYDAY=SU",
            "for": "2h",
            "tz": "Europe/Berlin",
            "reason": "weekly",
            "slos": ["availability", "busy"],
        },
    ],
    "budget_policy": [{"left": "25%", "do": "freeze_releases"}],
}
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def spec() -> ServiceSpec:
    """One SLO of every kind."""
    return service(ALL_KINDS, **MORE)


_compiled: dict[int, tuple[ServiceSpec, list[dict[str, Any]]]] = {}  # by who has it; each lives on, so no two are one


def compiled(spec: ServiceSpec) -> list[dict[str, Any]]:
    """The groups of a service: compiled once, for many to read."""
    if id(spec) not in _compiled:
        _compiled[id(spec)] = spec, compile_rules([spec], now=NOW)["groups"]
    return _compiled[id(spec)][1]


def rules(spec: ServiceSpec, slo: str = "", **having: str) -> list[dict[str, Any]]:
    """The rules of an SLO, with these keys."""
    found = [rule for group in compiled(spec) for rule in group["rules"]]
    return [
        rule
        for rule in found
        if (not slo or rule["labels"].get("slo") == slo)
        and all(rule.get(key) == value for key, value in having.items())
    ]


def test_the_rules_of_every_kind_are_as_they_were_read(spec: ServiceSpec, golden: Golden) -> None:
    golden(GOLDEN / "every-kind.yml", render_rules([spec], now=NOW))


def test_the_rules_of_the_example_are_as_they_were_read(golden: Golden) -> None:
    example = load_service(ROOT / "examples" / "services" / "tumour-screening.yaml")

    golden(GOLDEN / "tumour-screening.yml", render_rules([example]))


def test_the_same_services_in_any_order_give_the_same_bytes(spec: ServiceSpec) -> None:
    other = service(ALL_KINDS, name="another")

    rendered = render_rules([spec, other], now=NOW)

    assert rendered == render_rules([other, spec], now=NOW)
    assert yaml.load(rendered, yaml.CSafeLoader) == compile_rules([spec, other], now=NOW)


def test_the_output_is_the_same_all_month(spec: ServiceSpec) -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC)

    assert (
        render_rules([spec], now=first)
        == render_rules([spec], now=NOW)
        != render_rules([spec], now=NOW.replace(month=12))
    )


def test_what_follows_the_calendar_needs_to_know_the_time(spec: ServiceSpec) -> None:
    with pytest.raises(SpecError, match="needs the time"):
        compile_rules([spec])


def test_no_service_gives_an_empty_rule_file() -> None:
    assert compile_rules([]) == {"groups": []}
    assert compile_rules([service("[]")]) == {"groups": []}


def test_groups_are_of_one_kind_and_interval(spec: ServiceSpec) -> None:
    names = {group["name"]: group["interval"] for group in compiled(spec)}
    kinds = ("composite", "freshness", "promql", "ratio", "signal", "threshold", "throughput")

    assert names == {
        **{f"burnline/{kind}/{every}": every for kind in kinds for every in ("1m", "5m")},
        "burnline/policy/1m": "1m",
        "burnline/self/1m": "1m",
        "burnline/missed/1m": "1m",
    }


def test_many_slos_make_few_groups_of_bounded_size() -> None:
    specs = [service(ONE, name=f"service-{number}") for number in range(300)]

    sizes = [len(slos) for slos in _slos_by_group(specs).values()]

    assert len(sizes) == 2 * 16
    assert max(sizes) < 2 * 32


def test_one_service_more_moves_no_other() -> None:
    specs = [service(ONE, name=f"service-{number}") for number in range(100)]

    before, after = _slos_by_group(specs[:-1]), _slos_by_group(specs)

    assert {name: slos - {"service-99"} for name, slos in after.items()} == before


def _slos_by_group(specs: list[ServiceSpec]) -> dict[str, set[str]]:
    groups = compile_rules(specs)["groups"]
    return {
        group["name"]: {rule["labels"]["service"] for rule in group["rules"]}
        for group in groups
        if group["name"].startswith("burnline/ratio/")
    }


def test_the_members_of_a_composite_are_counted_just_before_it(spec: ServiceSpec) -> None:
    group = next(group for group in compiled(spec) if group["name"] == "burnline/composite/1m")
    slos = list(dict.fromkeys(rule["labels"]["slo"] for rule in group["rules"]))

    assert slos == ["availability", "latency", "both", "worst", "all"]


def test_each_slo_counts_bad_and_total_in_one_rule(spec: ServiceSpec) -> None:
    counted = rules(spec, "availability", record="slo:events:increase1m")

    assert len(counted) == 1
    assert '"event", "bad"' in counted[0]["expr"]
    assert '"event", "total"' in counted[0]["expr"]
    assert counted[0]["labels"] == {"service": "card-fraud", "slo": "availability"}


def test_only_the_first_rule_reads_raw_series(spec: ServiceSpec) -> None:
    for rule in rules(spec, "availability"):
        reads_raw = "http_requests_total" in rule["expr"]
        assert reads_raw == (rule.get("record") == "slo:events:increase1m")


def test_a_ratio_is_never_summed_or_averaged_over_a_window(spec: ServiceSpec) -> None:
    for rule in rules(spec):
        for function, metric in re.findall(r"(\w+_over_time)\(\s*([\w:]+)", rule["expr"]):
            assert not metric.endswith("_ratio"), f"{function} of {metric}"
            assert not metric.endswith("_rate"), f"{function} of {metric}"


def test_windows_up_to_six_hours_are_taken_every_minute_and_longer_ones_every_five() -> None:
    windows: dict[str, set[str]] = {"1m": set(), "5m": set()}
    for group in compile_rules([service(ONE)])["groups"]:
        for rule in group["rules"]:
            if rule.get("record") == "slo:events:increase_over":
                windows[group["interval"]] |= set(re.findall(r'"window", "(\w+)"', rule["expr"]))

    assert windows == {"1m": {"5m", "30m", "1h", "2h", "6h"}, "5m": {"1d", "3d"}}


def test_a_range_holds_each_increase_once_on_every_prometheus(spec: ServiceSpec) -> None:
    """Before 3.0 a range includes its left end: [5m] would read six points of a minute."""
    ranges = re.findall(r"slo:events:\w+\{[^}]*\}\[(\w+)\]", render_rules([spec], now=NOW))

    assert ranges
    assert all(length.endswith("s999ms") for length in ranges)


def test_sums_take_only_what_the_present_evaluation_recorded(spec: ServiceSpec) -> None:
    """After a restart Prometheus sees old samples for five more minutes, and would add them again and again."""
    adding = [rule["expr"] for rule in rules(spec) if rule.get("record") in ADDING]

    assert adding
    for expr in adding:
        assert not re.findall(r"slo:events:increase[15]m\{[^}]*\}(?!\[)", expr)


def test_pages_are_evaluated_with_the_minute_and_tickets_with_the_five_minutes(spec: ServiceSpec) -> None:
    severities = {
        (group["interval"], rule["labels"]["severity"])
        for group in compiled(spec)
        for rule in group["rules"]
        if rule.get("alert") == "ErrorBudgetBurn"
    }

    assert severities == {("1m", "page"), ("5m", "ticket")}


def test_every_tier_that_makes_sense_has_an_alert_and_no_other(spec: ServiceSpec) -> None:
    week = [rule["labels"]["tier"] for rule in rules(spec, "week", alert="ErrorBudgetBurn")]

    assert week == [tier.name for tier in tiers(timedelta(days=7), 0.99)]


def test_each_slo_says_when_it_has_no_data(spec: ServiceSpec) -> None:
    alerts = rules(spec, alert="SloNoData")

    assert {alert["labels"]["slo"] for alert in alerts} == {slo.name for slo in spec.slos}
    assert rules(spec, "availability", alert="SloNoData")[0]["for"] == "2m"
    assert rules(spec, "answered", alert="SloNoData")[0]["for"] == "9m"


def test_every_slo_records_the_series_that_both_engines_have(spec: ServiceSpec) -> None:
    promised = {
        "burnline_slo_objective_ratio", "burnline_slo_sli_ratio", "burnline_slo_error_budget_remaining_ratio",
        "burnline_slo_burn_rate", "burnline_slo_budget_exhaustion_seconds", "burnline_slo_state",
        "burnline_slo_excluded",
    }  # fmt: skip
    for slo in spec.slos:
        assert promised <= {rule.get("record") for rule in rules(spec, slo.name)}
    assert rules(spec, record="burnline_slo_budget_policy")[0]["labels"] == {
        "service": "card-fraud",
        "step": "freeze_releases",
    }


def test_raw_counters_are_read_one_value_at_a_time(spec: ServiceSpec) -> None:
    """A range of raw series costs as many samples as there were scrapes."""
    counted = [
        rule["expr"] for rule in rules(spec, record="slo:events:increase1m") if rule["labels"]["slo"] in COUNTERS
    ]

    assert len(counted) == len(COUNTERS)
    assert not [expr for expr in counted if "[" in expr]


def test_a_gap_of_two_minutes_or_eight_scrapes_is_bridged(spec: ServiceSpec) -> None:
    def offsets(**more: Any) -> list[str]:
        expr = rules(service(ONE, **more), record="slo:events:increase1m")[0]["expr"]
        return list(dict.fromkeys(re.findall(r"offset (\w+)", expr)))

    hidden = ["6m", "11m", "21m", "41m", "1h11m"]  # where a series that its target hid is looked for
    assert offsets() == ["1m", "2m", "3m", *hidden]
    assert offsets(collect=[{"url": "http://x:1/metrics", "interval": "1m"}]) == ["1m", "2m", "3m", *hidden]


def test_an_owner_may_change_without_touching_any_history(spec: ServiceSpec) -> None:
    """Identity labels alone stand on what is summed; the owner is on the info series and the alerts."""
    other = spec.model_copy(update={"owner": "somebody-else"})
    changed = [
        before.get("record", before.get("alert"))
        for before, after in zip(rules(spec), rules(other), strict=True)
        if before != after
    ]

    assert set(changed) == {"burnline_slo_info", "ErrorBudgetBurn", "ErrorBudgetPolicy", "SloNoData", "SloRulesLate"}


def test_an_edited_sli_is_another_revision() -> None:
    one, two = (
        rules(service(f"[{{name: a, objective: 99%, window: 30d, sli: {{ratio: {{bad: {bad}, total: t}}}}}}]"))
        for bad in ("b", "c")
    )
    revisions = {rule["labels"]["revision"] for rule in one + two if rule.get("record") == "burnline_slo_info"}

    assert len(revisions) == 2


def test_label_values_of_any_kind_are_quoted() -> None:
    bad = str(Selector("b", (Matcher("path", "=", 'a"} or vector(1) #\\\n\U0001f600'),)))
    sli = {"ratio": {"bad": bad, "total": "t"}}
    hostile = service(json.dumps([{"name": "a", "objective": 0.99, "window": "30d", "sli": sli}], ensure_ascii=False))

    written = rules(hostile, record="slo:events:increase1m")[0]["expr"]

    assert promql_parser.parse(written)
    assert '{path="a\\"} or vector(1) #\\\\\\n\U0001f600"}' in written


def test_every_expression_parses(spec: ServiceSpec) -> None:
    for rule in rules(spec):
        promql_parser.parse(rule["expr"])


@pytest.mark.parametrize(
    "text", ["sum(rate(x[$window])) # )", "sum(rate(x[$window]))\n# or vector(1)", "-x offset $window"]
)
def test_an_expression_of_the_users_stays_one_operand(text: str) -> None:
    """It is read by Prometheus' grammar when the file is loaded; here it goes into brackets, comments and all."""
    sli = {"promql": {"bad": text, "total": "sum(rate(y[$window]))"}}
    spec = service(json.dumps([{"name": "a", "objective": 0.99, "window": "30d", "sli": sli}]))

    written = rules(spec, record="slo:events:increase1m")[0]["expr"]

    assert promql_parser.parse(written)
    assert text.replace("$window", "1m15s") in written


def test_short_periods_keep_the_layout_on_a_faster_base() -> None:
    short = service(ONE.replace("30d", "12h"), collect=[{"url": "http://x:1/metrics", "interval": "1s"}])

    groups = {group["name"] for group in compile_rules([short], now=NOW)["groups"]}

    assert {"burnline/ratio/1s", "burnline/ratio/5s"} <= groups
    assert "offset 1s" in rules(short, "latency", record="slo:events:increase1m")[0]["expr"]


@pytest.mark.parametrize(
    ("below", "matcher"),
    [("250ms", 'le="0.25"'), ("1s", 'le=~"1|1\\\\.0"'), ("2m", 'le=~"120|120\\\\.0"'), ("2500ms", 'le="2.5"')],
)
def test_a_bucket_is_found_by_either_spelling_of_its_bound(below: str, matcher: str) -> None:
    latency = f"[{{name: a, objective: 99%, window: 30d, sli: {{latency: {{histogram: h, below: {below}}}}}}}]"

    assert matcher in rules(service(latency), record="slo:events:increase1m")[0]["expr"]
