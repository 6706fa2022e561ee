"""What is wrong with an SLO although its file can be read: tiers that cannot work, windows that do not fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from burnline.slo.dependencies import dependencies
from burnline.slo.windows import Tier, all_tiers_of, base_interval, left_out_of, period_length, why_left_out
from burnline.spec.place import Flaw, Place
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec, TierSpec
from burnline.spec.units import format_duration

Pair = tuple[str, str]  # service, SLO

LONGEST_SLICE = 360  # base intervals


def lint(spec: ServiceSpec) -> Iterator[Flaw]:
    """What makes a service's SLOs unusable."""
    for index, slo in enumerate(spec.slos):
        yield from _tiers(slo, ("slos", index))
        yield from _lengths(slo, ("slos", index))
        yield from _members(spec, slo, ("slos", index))


def warn(spec: ServiceSpec) -> Iterator[Flaw]:
    """What works, but not as its author may think."""
    for index, slo in enumerate(spec.slos):
        for name, why in left_out_of(slo).items():
            yield Flaw(("slos", index, "window"), f"tier {name} is left out: {why}")


def lint_dependencies(specs: Sequence[ServiceSpec]) -> Iterator[tuple[ServiceSpec, Flaw]]:
    """Dependencies on SLOs that are in none of the services, and those that lead back to where they began."""
    edges = {(spec.service, slo.name): dependencies(spec, slo) for spec in specs for slo in spec.slos}
    for spec in specs:
        for index, slo in enumerate(spec.slos):
            for at, target in enumerate(dependencies(spec, slo)):
                place, written = ("slos", index, "depends_on", at), slo.depends_on[at]
                if target not in edges:
                    yield spec, Flaw(place, f"{written!r} is no SLO of these services")
                elif _leads_to(edges, target, (spec.service, slo.name)):
                    yield spec, Flaw(place, f"{written!r} depends on this SLO in turn; one of them must be first")


def _leads_to(edges: Mapping[Pair, Sequence[Pair]], start: Pair, goal: Pair) -> bool:
    seen: set[Pair] = set()
    open_ends = [start]
    while open_ends:
        name = open_ends.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            open_ends += edges.get(name, ())
    return False


def _tiers(slo: SloSpec, place: Place) -> Iterator[Flaw]:
    for index, tier in enumerate(all_tiers_of(slo)):
        at = (*place, "tiers", index) if slo.tiers else (*place, "objective")
        own = slo.tiers is not None and isinstance(slo.tiers[index], TierSpec)
        why = why_left_out(tier, slo.objective)
        if why and (own or tier.factor >= 1):
            yield Flaw(at, f"tier {tier.name} {why}; {_instead(slo)}")
        if own:
            yield from _own(slo, tier, at)


def _instead(slo: SloSpec) -> str:
    usable = [tier.name for tier in all_tiers_of(slo) if not why_left_out(tier, slo.objective)]
    if slo.tiers is None and usable:
        return f"promise more, or choose the tiers that can: `tiers: [{', '.join(usable)}]`"
    return "choose another factor or window, or leave the tier out"


def _own(slo: SloSpec, tier: Tier, place: Place) -> Iterator[Flaw]:
    period = period_length(slo.window)
    base = base_interval(period)
    for name, length in (("long", tier.long), ("short", tier.short), ("for", tier.hold)):
        if length % base:
            yield Flaw((*place, name), f"is {format_duration(length)}; write a multiple of {format_duration(base)}")
    if not timedelta(0) < tier.short < tier.long:
        yield Flaw((*place, "short"), f"is {format_duration(tier.short)}; write less than `long`, and more than 0s")
    if tier.long > period:
        limit = format_duration(period)
        yield Flaw((*place, "long"), f"is {format_duration(tier.long)}, longer than the SLO's window of {limit}")


def _lengths(slo: SloSpec, place: Place) -> Iterator[Flaw]:
    base = base_interval(period_length(slo.window))
    if slo.sli.throughput:
        yield from _multiple((*place, "sli", "throughput", "per"), slo.sli.throughput.per, base)
    if slo.slices:
        yield from _multiple((*place, "slices", "length"), slo.slices.length, base)


def _multiple(place: Place, length: timedelta, base: timedelta) -> Iterator[Flaw]:
    if length % base or length > LONGEST_SLICE * base:
        limit = format_duration(LONGEST_SLICE * base)
        yield Flaw(place, f"is {format_duration(length)}; write a multiple of {format_duration(base)}, at most {limit}")


def _members(spec: ServiceSpec, slo: SloSpec, place: Place) -> Iterator[Flaw]:
    if slo.sli.composite is None:
        return
    base = base_interval(period_length(slo.window))
    for name in slo.sli.composite.weights:
        member = spec.slo(name)
        if member and (other := base_interval(period_length(member.window))) != base:
            yield Flaw(
                (*place, "sli", "composite"),
                f"{name!r} is counted every {format_duration(other)}, this SLO every {format_duration(base)}; "
                "give both windows of 7d or more, or windows of one length",
            )
