"""The alerts of the compiled rules. What they say comes from `slo/alerts.py`, as the embedded engine's does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from burnline.events import SloState
from burnline.metrics import (
    ALERT_BURN,
    ALERT_NO_DATA,
    ALERT_RULES_LATE,
    OWNER,
    RULES_MISSED,
    SERVICE,
    SEVERITY,
    SLO,
    SLO_BUDGET_REMAINING,
    SLO_BURN_RATE,
    SLO_EVENTS_OVER,
    SLO_POLICY,
    SLO_STATE_LEVEL,
    STEP,
    TIER,
    WINDOW,
)
from burnline.slo.alerts import (
    burn_annotations,
    burn_labels,
    dependency_annotation,
    no_data_hold,
    policy_annotations,
    policy_labels,
)
from burnline.slo.compiler.sli import BAD, EVENT, RECORDED, TOTAL
from burnline.slo.compiler.slo import IDENTITY, Rule, Subject, alert, record
from burnline.slo.compiler.windows import LEVELS, nothing_counted
from burnline.slo.dependencies import dependencies
from burnline.slo.promql import MILLISECOND, Aggregate, Binary, Call, Expr, Number, Select, series, show
from burnline.slo.windows import Tier, least_bad_events
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration

GROUP_PREFIX = "burnline"
UNKNOWN = LEVELS.index(SloState.UNKNOWN)


def burns(of: Subject, *, in_t1: bool) -> list[Rule]:
    """The alert of each tier of this layer."""
    return [_burn(of, tier) for tier in of.alerting(in_t1=in_t1)]


def no_data(of: Subject) -> Rule:
    """Absence must not look like health; while nothing is meant to count it is no news."""
    spec, slo = of.promise.spec, of.promise.slo
    wait = no_data_hold(spec, slo)
    labels = {**of.labels, SEVERITY: "ticket", OWNER: spec.owner}
    annotations = {
        "summary": f"{of.service} {of.name} has no data",
        "description": (
            f"Nothing was counted for {format_duration(wait)}, so nobody knows whether the objective is met. "
            "Check that Prometheus scrapes the service and that the metric is still called what the service file says. "
            f"{slo.description}"
        ).strip(),
    }
    absent = of.unless_excluded(Aggregate("max", nothing_counted(of), by=IDENTITY))
    return alert(ALERT_NO_DATA, absent, labels, annotations, wait=wait)


def policy(spec: ServiceSpec) -> list[Rule]:
    """Each step of the budget policy, in force when any SLO of the service has no more than that left."""
    known = Select(series(SLO_BUDGET_REMAINING, **{SERVICE: spec.service}, **RECORDED))
    unknown = Binary("==", Select(series(SLO_STATE_LEVEL, **{SERVICE: spec.service})), Number(UNKNOWN))
    left = Binary("unless", known, unknown, on=IDENTITY)
    rules: list[Rule] = []
    for step in spec.budget_policy:
        in_force = Binary("<=", Aggregate("min", left), Number(step.left), as_bool=True)
        rules.append(record(SLO_POLICY, in_force, {SERVICE: spec.service, STEP: step.do}))
        labels = policy_labels(spec, step.do)
        now = Select(series(SLO_POLICY, **{SERVICE: spec.service, STEP: step.do}, **RECORDED))
        expr = Aggregate("max", Binary("==", now, Number(1)))
        rules.append(alert(labels.pop("alertname"), expr, labels, policy_annotations(spec, step)))
    return rules


def missed() -> Rule:
    """How many evaluations of each of our groups were skipped. Prometheus must scrape itself for this one."""
    ours = Matcher("rule_group", "=~", f".*;{GROUP_PREFIX}/.*")
    last_hour = Select(Selector("prometheus_rule_group_iterations_missed_total", (ours,)), over=timedelta(hours=1))
    return record(RULES_MISSED, Aggregate("sum", Call("increase", (last_hour,)), by=("rule_group",)), {})


def late(spec: ServiceSpec, groups: Iterable[str]) -> Rule:
    """A skipped evaluation loses its events."""
    names = Matcher("rule_group", "=~", f".*;({'|'.join(groups)})")
    expr = Binary(">", Aggregate("sum", Select(Selector(RULES_MISSED, (names,)))), Number(0))
    labels = {SERVICE: spec.service, SEVERITY: "ticket", OWNER: spec.owner}
    annotations = {
        "summary": f"Prometheus is late with the rules of {spec.service}",
        "description": "Evaluations were skipped in the last hour; the events of those moments are not counted.",
    }
    return alert(ALERT_RULES_LATE, expr, labels, annotations)


def _burn(of: Subject, tier: Tier) -> Rule:
    labels = burn_labels(of.promise.spec, of.name, tier)
    name = labels.pop("alertname")
    every = of.interval if of.in_t1(tier.long) else of.t2_interval
    own = {"alertname": name, **of.labels, TIER: tier.name, "alertstate": "firing"}
    fired = Call("last_over_time", (Select(series("ALERTS", **own), over=2 * every - MILLISECOND),))
    # What fires goes on firing until data says otherwise: a service that went silent has not recovered.
    held = Binary("unless", fired, _recovered(of, tier), on=IDENTITY)
    # By identity: the alert must not carry the `window` that the embedded engine's does not.
    expr = Aggregate("max", Binary("or", _burning(of, tier), held), by=IDENTITY)
    annotations = burn_annotations(of.promise.spec, of.name, tier)
    templates = _dependencies(of) if tier.severity == "page" else {}
    return alert(name, expr, labels, annotations, wait=tier.hold, templates=templates)


def _burning(of: Subject, tier: Tier) -> Expr:
    long, short = _rates(of, tier, ">")
    burning = Binary("and", long, short, ignoring=(WINDOW,))
    total = of.promise.slo.min_events if tier.min_events is None else tier.min_events
    for event, least in ((TOTAL, total), (BAD, least_bad_events(of.promise.slo, of.promise.sli))):
        if least:
            window = {WINDOW: format_duration(tier.long), EVENT: event}
            enough = Binary(">=", of.series(SLO_EVENTS_OVER, **window), Number(least))
            burning = Binary("and", burning, enough, on=IDENTITY)
    return burning


def _recovered(of: Subject, tier: Tier) -> Expr:
    """Data says so: a window is below, or the long one of a service that is still observed holds no events any more."""
    window = {WINDOW: format_duration(tier.long), EVENT: TOTAL}
    idle = Binary("==", of.series(SLO_EVENTS_OVER, **window), Number(0))
    below = Binary("or", Binary("or", *_rates(of, tier, "<=")), idle, on=IDENTITY)
    return Binary("and", below, of.counted, on=IDENTITY)


def _rates(of: Subject, tier: Tier, op: str) -> tuple[Expr, Expr]:
    long, short = (of.recorded(SLO_BURN_RATE, **{WINDOW: format_duration(each)}) for each in (tier.long, tier.short))
    return Binary(op, long, Number(tier.factor)), Binary(op, short, Number(tier.factor))


def _dependencies(of: Subject) -> dict[str, str]:
    """A template that is empty unless an SLO that this one depends on pages as well; made of names alone."""
    told = [(pair, dependency_annotation(["/".join(pair)])) for pair in dependencies(of.promise.spec, of.promise.slo)]
    keys = {key for _, annotation in told for key in annotation}
    return {key: "".join(_while_it_pages(*pair, annotation[key]) for pair, annotation in told) for key in keys}


def _while_it_pages(service: str, slo: str, words: str) -> str:
    firing = {"alertname": ALERT_BURN, "alertstate": "firing", SEVERITY: "page", SERVICE: service, SLO: slo}
    paging = show(Select(series("ALERTS", **firing)), width=10_000)
    return f"{{{{ if query `{paging}` }}}}{words}. {{{{ end }}}}"
