"""Numbers of the business that are posted, each by its name in the service file (label `number`)."""

from __future__ import annotations

from burnline.metrics.measured import measured
from burnline.spec.business import BusinessSpec, NumberSpec
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec

NUMBER = "number"
TOTAL = measured("burnline_business_total", "What was posted and adds up, by {number}.")
VALUE = measured("burnline_business_value", "What was posted last, by {number}.")


def selector_of(name: str, number: NumberSpec) -> Selector | None:
    """The series of a number; None for a ratio, which has two."""
    if number.posted is not None:
        return Selector(TOTAL if number.posted == "counter" else VALUE, (Matcher(NUMBER, "=", name),))
    return number.gauge or number.counter


def judged(spec: ServiceSpec) -> dict[str, BusinessSpec]:
    """What guards of a release may name: the release's own, and the service's ratios and gauges."""
    shares = {
        name: BusinessSpec(ratio=number.ratio) if number.ratio else BusinessSpec(gauge=selector_of(name, number))
        for name, number in spec.business.items()
        if not number.grows
    }
    return {**shares, **(spec.release.business if spec.release else {})}


def wanted(spec: ServiceSpec) -> frozenset[str]:
    """Metrics to read for the numbers of a service, and for those of its release alone."""
    found: list[Selector | None] = [selector_of(*each) for each in spec.business.items()]
    for each in (*spec.business.values(), *(spec.release.business.values() if spec.release else ())):
        found += [each.gauge, *((each.ratio.bad, each.ratio.good, each.ratio.total) if each.ratio else ())]
    return frozenset(selector.metric for selector in found if selector is not None)
