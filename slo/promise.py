"""One SLO of one service, with the SLI it counts and the tiers that alert on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from burnline.slo.windows import Tier, all_tiers_of, base_interval, left_out_of, period_length
from burnline.spec.section import Section
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.spec.slo import CalendarWindow, SloSpec

SIGNAL_WINDOW = timedelta(minutes=10)  # of a detector that the service does not ask for

Schedule = tuple[tuple[timedelta, timedelta], ...]


@dataclass(frozen=True)
class Promise:
    """One SLO of one service; `sli` is the SLI it counts, that of another SLO for `same_as`."""

    spec: ServiceSpec
    slo: SloSpec
    sli: SliSpec

    @property
    def key(self) -> str:
        return f"{self.spec.service}/{self.slo.name}"

    @property
    def window(self) -> timedelta:
        """The length of its period; the nominal one of a calendar period."""
        return period_length(self.slo.window)

    @cached_property
    def section(self) -> Section | None:
        """What the service file says of the signal that gives its events; None where it asks for no such signal."""
        return self.spec.signals.sections().get(self.sli.signal or "")

    @property
    def signal_window(self) -> timedelta | None:
        """The windows of the detector that gives its events; None where no detector does."""
        if not self.sli.signal:
            return None
        return self.section.window if self.section else SIGNAL_WINDOW

    @property
    def anew(self) -> bool:
        """Whether its events are counted anew over every window: those of a detector of burnline's own."""
        return self.section is not None and self.section.anew

    def reach(self, window: timedelta) -> timedelta:
        """How long a window of a tier is: over less than a detector's own nothing can be counted anew."""
        return max(window, self.signal_window or window) if self.anew else window

    @property
    def calendar(self) -> CalendarWindow | None:
        """Its period, when that follows the calendar."""
        return None if isinstance(self.slo.window, timedelta) else self.slo.window

    @property
    def base(self) -> timedelta:
        return base_interval(self.window)

    @cached_property
    def tiers(self) -> tuple[Tier, ...]:
        """Every tier it asks for, those that are left out included."""
        return all_tiers_of(self.slo)

    @cached_property
    def usable(self) -> tuple[bool, ...]:
        """Which of `tiers` alert."""
        left_out = left_out_of(self.slo)
        return tuple(tier.name not in left_out for tier in self.tiers)

    @property
    def schedule(self) -> Schedule:
        """The (long, short) windows of `tiers`."""
        return tuple((tier.long, tier.short) for tier in self.tiers)

    @cached_property
    def members(self) -> tuple[Promise, ...]:
        """What a composite SLO takes together; empty for any other kind."""
        if self.sli.composite is None:
            return ()
        return tuple(promise_of(self.spec, member) for member in members_of(self.spec, self.slo))


def promise_of(spec: ServiceSpec, slo: SloSpec) -> Promise:
    """The promise of one of the service's SLOs."""
    return Promise(spec, slo, sli_of(spec, slo))


def promises_of(spec: ServiceSpec) -> Iterator[Promise]:
    """The promises of all SLOs of a service, in their order."""
    return (promise_of(spec, slo) for slo in spec.slos)


def sli_of(spec: ServiceSpec, slo: SloSpec) -> SliSpec:
    """What the SLO counts: its own SLI, or that of the SLO it is the `same_as`."""
    other = spec.slo(slo.sli.same_as) if slo.sli.same_as else None
    return slo.sli if other is None else other.sli


def members_of(spec: ServiceSpec, slo: SloSpec) -> tuple[SloSpec, ...]:
    """The SLOs whose events a composite one takes together; of any other SLO, itself."""
    composite = sli_of(spec, slo).composite
    if composite is None:
        return (slo,)
    return tuple(member for member in map(spec.slo, composite.weights) if member is not None)
