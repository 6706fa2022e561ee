"""What a burn-rate alert says, whichever engine fires it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from burnline.metrics import ALERT_BURN, ALERT_POLICY, OWNER, SERVICE, SEVERITY, SLO, STEP, TIER
from burnline.slo.burn import detection_time
from burnline.slo.calendar import period_name
from burnline.slo.promise import members_of, sli_of
from burnline.slo.windows import Tier, base_interval, period_length, tiers_of
from burnline.spec.service import PolicyStep, ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration

POLICY_WORDS = {
    "notify": "spend what is left with care",
    "freeze_releases": "releases are frozen",
    "require_approval": "releases need an approval",
}
LONGEST_SILENCE = 30  # base intervals without data before somebody hears of it, however loose the objective


def no_data_hold(spec: ServiceSpec, slo: SloSpec) -> timedelta:
    """How long an SLO may be without data before SloNoData fires.

    As long as a full outage takes to fire the fastest tier, in whole base intervals, at least 2 and at most 30. The SLO
    of a signal has two windows of its detector more: there is nothing to count before the first has closed.
    """
    interval = base_interval(period_length(slo.window))
    outages = (detection_time(slo.objective, 1, tier.factor, tier.long) for tier in tiers_of(slo))
    outage = min((time for time in outages if time is not None), default=timedelta(0))
    intervals = min(max(2, -(-outage // interval)), LONGEST_SILENCE)
    return intervals * interval + 2 * _slowest_detector(spec, slo)


def _slowest_detector(spec: ServiceSpec, slo: SloSpec) -> timedelta:
    counted = [sli_of(spec, member) for member in members_of(spec, slo)]
    sections = (spec.signals.sections().get(sli.signal) for sli in counted if sli.signal)
    return max((section.window for section in sections if section), default=timedelta(0))


def burn_labels(spec: ServiceSpec, slo_name: str, tier: Tier) -> dict[str, str]:
    """The labels of the alert of one tier of one SLO: its identity."""
    return {
        "alertname": ALERT_BURN,
        SERVICE: spec.service,
        SLO: slo_name,
        SEVERITY: tier.severity,
        TIER: tier.name,
        OWNER: spec.owner,
    }


def burn_annotations(spec: ServiceSpec, slo_name: str, tier: Tier) -> dict[str, str]:
    """What a person reads on the pager: fixed text without templates, made of names and numbers of the spec.

    Raises: KeyError when the service has no such SLO.
    """
    slo = spec.slo(slo_name)
    if slo is None:
        raise KeyError(slo_name)
    long, short = (format_duration(length) for length in (tier.long, tier.short))
    window = format_duration(slo.window) if isinstance(slo.window, timedelta) else f"a {period_name(slo.window)}"
    lasts = format_duration(_whole_seconds(period_length(slo.window) / tier.factor))
    return {
        "summary": f"{spec.service} {slo_name} spends its error budget over {tier.factor:g} times too fast",
        "description": (
            f"Over {long}, and still over the last {short}, more than {tier.factor * (1 - slo.objective):.3%} of the "
            f"events were bad; the objective is {slo.objective * 100:.10g}% over {window}. "
            f"At this rate the whole budget lasts less than {lasts}."
        ),
    }


def policy_labels(spec: ServiceSpec, step: str) -> dict[str, str]:
    """The labels of the alert of one step of a service's budget policy."""
    return {"alertname": ALERT_POLICY, SERVICE: spec.service, STEP: step, SEVERITY: "ticket", OWNER: spec.owner}


def policy_annotations(spec: ServiceSpec, step: PolicyStep) -> dict[str, str]:
    """What the alert of a budget policy's step says: fixed text, as on the pager."""
    left, words = f"{step.left * 100:.10g}%", POLICY_WORDS[step.do]
    return {"summary": f"{spec.service}: no more than {left} of an error budget is left: {words}"}


def dependency_annotation(paging: Iterable[str]) -> dict[str, str]:
    """What a page adds while SLOs (`service/slo`) that this one depends on page too."""
    names = sorted(paging)
    return {"dependency": f"{', '.join(names)} {'pages' if len(names) == 1 else 'page'} too: look there first"}


def _whole_seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=round(span.total_seconds()))
