"""What a burn-rate alert says, whichever engine fires it."""

from __future__ import annotations

from datetime import timedelta

from burnline.metrics import ALERT_BURN, OWNER, SERVICE, SEVERITY, SLO, TIER
from burnline.slo.burn import detection_time
from burnline.slo.windows import Tier, base_interval, tiers
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration

LONGEST_SILENCE = 30  # base intervals without data before somebody hears of it, however loose the objective


def no_data_hold(spec: ServiceSpec, slo: SloSpec, window: timedelta) -> timedelta:
    """How long an SLO may be without data before SloNoData fires.

    As long as a full outage takes to fire the fastest tier, in whole base intervals, at least 2 and at most 30. The SLO
    of a signal has two windows of its detector more: there is nothing to count before the first has closed.
    """
    interval = base_interval(window)
    outages = (detection_time(slo.objective, 1, tier.factor, tier.long) for tier in tiers(window, slo.objective))
    outage = min((time for time in outages if time is not None), default=timedelta(0))
    intervals = min(max(2, -(-outage // interval)), LONGEST_SILENCE)
    detector = getattr(spec.signals, slo.sli.signal, None) if slo.sli.signal else None
    return intervals * interval + 2 * getattr(detector, "window", timedelta(0))


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

    Raises: KeyError when the service has no such SLO with a rolling window.
    """
    slo = spec.slo(slo_name)
    if slo is None or not isinstance(slo.window, timedelta):
        raise KeyError(slo_name)
    long, short, window = (format_duration(length) for length in (tier.long, tier.short, slo.window))
    return {
        "summary": f"{spec.service} {slo_name} spends its error budget over {tier.factor:g} times too fast",
        "description": (
            f"Over {long}, and still over the last {short}, more than {tier.factor * (1 - slo.objective):.3%} of the "
            f"events were bad; the objective is {slo.objective * 100:.10g}% over {window}. "
            f"At this rate the whole budget lasts less than {format_duration(slo.window / tier.factor)}."
        ),
    }
