"""What a burn-rate alert says, whichever engine fires it."""

from __future__ import annotations

from datetime import timedelta

from burnline.metrics import ALERT_BURN, OWNER, SERVICE, SEVERITY, SLO, TIER
from burnline.slo.windows import Tier
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration


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
