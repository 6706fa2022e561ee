"""Series that burnline measures for a service, narrowed to that service: its /metrics shows those of all of them."""

from __future__ import annotations

import re

from pydantic import BaseModel

from burnline.metrics import SERVICE
from burnline.metrics.register import MEASURED
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec

MACHINE = ("burnline_host_", "burnline_gpu_")  # they belong to no service
_SUFFIX = re.compile(r"_(?:bucket|count|sum)$")


def own_spec(spec: ServiceSpec) -> ServiceSpec:
    """The service with its SLIs as Prometheus has to be asked for them; the same object where nothing changes.

    burnline itself reads a service's series apart from those of others, and needs none of this.
    """
    slos = tuple(slo.model_copy(update={"sli": own}) if (own := _sli(spec, slo.sli)) else slo for slo in spec.slos)
    return spec if slos == spec.slos else spec.model_copy(update={"slos": slos})


def own_selector(service: str, selector: Selector) -> Selector:
    """The selector with `service` among its matchers, when it is of such a series and has none."""
    name = selector.metric
    measured = name in MEASURED or _SUFFIX.sub("", name) in MEASURED
    if not measured or name.startswith(MACHINE) or any(matcher.label == SERVICE for matcher in selector.matchers):
        return selector
    return Selector(name, (Matcher(SERVICE, "=", service), *selector.matchers))


def _sli(spec: ServiceSpec, sli: SliSpec) -> SliSpec | None:
    kind: object = getattr(sli, sli.kind)
    if not isinstance(kind, BaseModel):
        return None
    changed = {
        name: own
        for name in type(kind).model_fields
        if isinstance(found := getattr(kind, name), Selector)
        and (own := own_selector(spec.service, found)) is not found
    }
    return sli.model_copy(update={sli.kind: kind.model_copy(update=changed)}) if changed else None
