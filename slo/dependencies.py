"""Which SLOs explain another's burning: those it depends on."""

from __future__ import annotations

from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec


def dependencies(spec: ServiceSpec, slo: SloSpec) -> tuple[tuple[str, str], ...]:
    """(service, SLO) of everything this SLO says it depends on, in the order written.

    `availability` alone names an SLO of the same service, `payments/availability` one of another.
    """
    pairs = (written.rpartition("/") for written in slo.depends_on)
    return tuple((service or spec.service, name) for service, _, name in pairs)
