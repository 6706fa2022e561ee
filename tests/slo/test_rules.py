"""The compiled rules as text: their layout, what they promise to readers, and what users may write into them."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from burnline.errors import SpecError
from burnline.slo.rules import compile_rules, render_rules
from burnline.slo.windows import tiers
from burnline.spec.load import load_service
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from tests.conftest import Golden
from tests.slo.promtool import service

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "rules"
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
"""


@pytest.fixture
def spec() -> ServiceSpec:
    """One SLO of every kind."""
    return service(ALL_KINDS)


def rules(spec: ServiceSpec, slo: str = "", **having: str) -> list[dict[str, Any]]:
    """The rules of an SLO, with these keys."""
    found = [rule for group in compile_rules([spec])["groups"] for rule in group["rules"]]
    return [
        rule
        for rule in found
        if (not slo or rule["labels"].get("slo") == slo)
        and all(rule.get(key) == value for key, value in having.items())
    ]


def test_the_rules_of_every_kind_are_as_they_were_read(spec: ServiceSpec, golden: Golden) -> None:
    golden(GOLDEN / "every-kind.yml", render_rules([spec]))


def test_the_rules_of_the_example_are_as_they_were_read(golden: Golden) -> None:
    example = load_service(ROOT / "examples" / "services" / "tumour-screening.yaml")

    golden(GOLDEN / "tumour-screening.yml", render_rules([example]))


def test_the_same_services_in_any_order_give_the_same_bytes(spec: ServiceSpec) -> None:
    other = service(ALL_KINDS, name="another")

    assert render_rules([spec, other]) == render_rules([other, spec])
    assert yaml.safe_load(render_rules([spec, other])) == compile_rules([spec, other])


def test_no_service_gives_an_empty_rule_file() -> None:
    assert compile_rules([]) == {"groups": []}
    assert compile_rules([service("[]")]) == {"groups": []}


def test_groups_are_of_one_service_kind_and_interval(spec: ServiceSpec) -> None:
    names = {group["name"]: group["interval"] for group in compile_rules([spec])["groups"]}

    assert names == {
        "burnline/card-fraud/ratio/1m": "1m",
        "burnline/card-fraud/ratio/5m": "5m",
        "burnline/card-fraud/latency/1m": "1m",
        "burnline/card-fraud/latency/5m": "5m",
        "burnline/card-fraud/signal/1m": "1m",
        "burnline/card-fraud/signal/5m": "5m",
        "burnline/card-fraud/threshold/1m": "1m",
        "burnline/card-fraud/threshold/5m": "5m",
        "burnline/card-fraud/self/1m": "1m",
    }


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
            assert not metric.startswith("burnline_slo_"), f"{function} of {metric}"


def test_windows_up_to_six_hours_are_taken_every_minute_and_longer_ones_every_five(spec: ServiceSpec) -> None:
    windows = {
        group["interval"]: {
            rule["labels"]["window"]
            for rule in group["rules"]
            if rule.get("record") == "burnline_slo_burn_rate" and rule["labels"]["slo"] == "availability"
        }
        for group in compile_rules([spec])["groups"]
        if "/ratio/" in group["name"]
    }

    assert windows == {"1m": {"5m", "30m", "1h", "2h", "6h"}, "5m": {"1d", "3d"}}


def test_a_range_holds_each_increase_once_on_every_prometheus(spec: ServiceSpec) -> None:
    """Before 3.0 a range includes its left end: [5m] would read six points of a minute."""
    ranges = re.findall(r"slo:events:\w+\{[^}]*\}\[(\w+)\]", render_rules([spec]))

    assert ranges
    assert all(length.endswith("s999ms") for length in ranges)


def test_pages_are_evaluated_with_the_minute_and_tickets_with_the_five_minutes(spec: ServiceSpec) -> None:
    severities = {
        (group["interval"], rule["labels"]["severity"])
        for group in compile_rules([spec])["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "ErrorBudgetBurn"
    }

    assert severities == {("1m", "page"), ("5m", "ticket")}


def test_every_tier_that_makes_sense_has_an_alert_and_no_other(spec: ServiceSpec) -> None:
    week = [rule["labels"]["tier"] for rule in rules(spec, "week", alert="ErrorBudgetBurn")]

    assert week == [tier.name for tier in tiers(timedelta(days=7), 0.99)]


def test_each_slo_says_when_it_has_no_data(spec: ServiceSpec) -> None:
    alerts = rules(spec, alert="SloNoData")

    assert [alert["labels"]["slo"] for alert in alerts] == [slo.name for slo in _by_kind(spec)]
    assert rules(spec, "availability", alert="SloNoData")[0]["for"] == "2m"
    assert rules(spec, "answered", alert="SloNoData")[0]["for"] == "9m"


def _by_kind(spec: ServiceSpec) -> list[Any]:
    kinds = ["ratio", "latency", "signal", "threshold"]
    order = {slo.name: kinds.index("ratio" if slo.sli.same_as else slo.sli.kind) for slo in spec.slos}
    return sorted(spec.slos, key=lambda slo: order[slo.name])


def test_an_owner_may_change_without_touching_any_history(spec: ServiceSpec) -> None:
    """Identity labels alone stand on what is summed; the owner is on the info series and the alerts."""
    other = spec.model_copy(update={"owner": "somebody-else"})
    changed = [
        before.get("record", before.get("alert"))
        for before, after in zip(rules(spec), rules(other), strict=True)
        if before != after
    ]

    assert set(changed) == {"burnline_slo_info", "ErrorBudgetBurn", "SloNoData", "SloRulesLate"}


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


@pytest.mark.parametrize("sli", ["{composite: {}}", "{promql: {}}", "{freshness: {}}", "{throughput: {}}"])
def test_a_kind_that_cannot_be_compiled_yet_is_refused_and_never_left_out(sli: str) -> None:
    with pytest.raises(SpecError, match="not supported yet in rules"):
        compile_rules([service(f"[{{name: a, objective: 99%, window: 30d, sli: {sli}}}]")])


def test_a_calendar_window_is_refused() -> None:
    with pytest.raises(SpecError, match=r"calendar window \(month\) is not supported yet"):
        compile_rules([service("[{name: a, objective: 99%, window: {calendar: month}, sli: {signal: drift}}]")])


def test_every_refusal_is_told_at_once() -> None:
    bad = "{objective: 99%, window: 30d, sli: {promql: {}}}"
    slos = f"[{bad.replace('{', '{name: a, ', 1)}, {bad.replace('{', '{name: b, ', 1)}]"

    with pytest.raises(SpecError) as caught:
        compile_rules([service(slos)])

    assert [problem.field for problem in caught.value.problems] == ["slos.a", "slos.b"]


def test_short_periods_keep_the_layout_on_a_faster_base() -> None:
    short = service(ALL_KINDS.replace("30d", "12h"), collect=[{"url": "http://x:1/metrics", "interval": "1s"}])

    groups = {group["name"] for group in compile_rules([short])["groups"]}

    assert {"burnline/card-fraud/ratio/1s", "burnline/card-fraud/ratio/5s"} <= groups
    assert "[8s]" in rules(short, "availability", record="slo:events:increase1m")[0]["expr"]


def test_the_lookback_grows_with_the_scrape_interval() -> None:
    slow = service(ALL_KINDS, collect=[{"url": "http://x:1/metrics", "interval": "1m"}])

    assert "[8m]" in rules(slow, "availability", record="slo:events:increase1m")[0]["expr"]


@pytest.mark.parametrize(
    ("below", "matcher"),
    [("250ms", 'le="0.25"'), ("1s", 'le=~"1|1\\\\.0"'), ("2m", 'le=~"120|120\\\\.0"'), ("2500ms", 'le="2.5"')],
)
def test_a_bucket_is_found_by_either_spelling_of_its_bound(below: str, matcher: str) -> None:
    latency = f"[{{name: a, objective: 99%, window: 30d, sli: {{latency: {{histogram: h, below: {below}}}}}}}]"

    assert matcher in rules(service(latency), record="slo:events:increase1m")[0]["expr"]
