"""What the `release` part of a service file says together: guards that could never judge are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from burnline.spec.place import Flaw, Place
from burnline.spec.release import GuardSpec, ReleaseSpec
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.spec.units import format_duration
from burnline.spec.words import choice, did_you_mean

SPLIT = ("ratio", "latency")  # SLIs of counters, whose series can be told apart by labels
SHORTEST_BAKE, LONGEST = timedelta(minutes=1), timedelta(days=7)
# which fields a kind of guard needs one of; every other one has no meaning for it
NEEDS = {
    "hard": ("above", "below"),
    "sequential": ("worse_than_baseline", "below_baseline"),
    "compared": ("above",),
    "budget": ("above",),
    "disagreement": ("above",),
    "end_of_bake": ("worse",),
}
COMPARING = ("sequential", "compared", "end_of_bake")
BOUNDS = ("above", "below", "worse_than_baseline", "below_baseline", "worse")
SOURCES = {
    "hard": ("sli", "signal", "business"),
    "sequential": ("sli", "signal", "business"),
    "compared": ("signal",),
    "budget": ("sli",),
    "disagreement": ("business",),
    "end_of_bake": ("business",),
}


def check_release(spec: ServiceSpec) -> Iterator[Flaw]:
    """Every flaw of `release`, beyond its shape."""
    if (release := spec.release) is None:
        return
    yield from _steps(spec, release)
    if release.strategy == "shadow" and release.canary is None:
        yield Flaw(("release", "canary"), "is needed: the series of a shadow must be told apart from those that serve")
    for index, guard in enumerate(release.guards):
        yield from _guard(spec, release, guard, ("release", "guards", index))


def _steps(spec: ServiceSpec, release: ReleaseSpec) -> Iterator[Flaw]:
    share = 0.0
    for index, step in enumerate(release.steps):
        place: Place = ("release", "steps", index)
        if not SHORTEST_BAKE <= step.bake <= LONGEST:
            accepted = f"{format_duration(SHORTEST_BAKE)} to {format_duration(LONGEST)}"
            yield Flaw((*place, "bake"), f"is {format_duration(step.bake)}; accepted: {accepted}")
        if step.traffic is not None and step.traffic <= share:
            yield Flaw((*place, "traffic"), f"is {step.traffic:.4g}, not more than the step before")
        share = max(share, step.traffic or 0.0)
        if step.traffic is None and release.traffic_hook is not None:
            yield Flaw((*place, "traffic"), "is needed: `traffic_hook` must be told how much")
    if (name := release.traffic_hook) is not None and name not in spec.actions:
        there = f"accepted: {choice(spec.actions)}" if spec.actions else "there are none"
        hint = did_you_mean(name, spec.actions)
        yield Flaw(("release", "traffic_hook"), f"{name!r} is none of `actions`; {there}{';' + hint if hint else ''}")
    longest = sum((step.bake for step in release.plan), timedelta(0))
    if release.decide_by < longest:
        text = f"is {format_duration(release.decide_by)}, before the steps have baked for {format_duration(longest)}"
        yield Flaw(("release", "decide_by"), text)


def _guard(spec: ServiceSpec, release: ReleaseSpec, guard: GuardSpec, place: Place) -> Iterator[Flaw]:
    source = next(name for name in ("sli", "signal", "business") if getattr(guard, name) is not None)
    if source not in SOURCES[guard.kind]:
        yield Flaw((*place, "kind"), f"{guard.kind} has no meaning for {source}; accepted: {choice(_kinds(source))}")
        return
    written = [name for name in BOUNDS if getattr(guard, name) is not None]
    if not written or len(written) > (2 if guard.kind == "hard" else 1):
        yield Flaw(place, f"a {guard.kind} guard needs {choice(f'`{name}`' for name in NEEDS[guard.kind])}")
    for name in written:
        if name not in NEEDS[guard.kind]:
            yield Flaw(
                (*place, name),
                f"has no meaning for a {guard.kind} guard; accepted: {choice(NEEDS[guard.kind])}",
            )
    yield from _source(spec, release, guard, place)
    if guard.kind in COMPARING:
        yield from _compared(release, guard, place)


def _kinds(source: str) -> list[str]:
    return [kind for kind, sources in SOURCES.items() if source in sources]


def _source(spec: ServiceSpec, release: ReleaseSpec, guard: GuardSpec, place: Place) -> Iterator[Flaw]:
    gauge = False
    if guard.sli is not None:
        yield from _known((*place, "sli"), guard.sli, [slo.name for slo in spec.slos], "SLO of this service")
        sli = sli_named(spec, guard.sli)
        if sli and guard.kind == "sequential" and sli.kind not in SPLIT:
            yield Flaw(
                (*place, "sli"),
                f"is an SLI of kind {sli.kind}, which cannot be told apart by version; accepted: {choice(SPLIT)}",
            )
    if guard.signal is not None:
        sections = spec.signals.sections()
        yield from _known((*place, "signal"), guard.signal, [*sections], "signal of this service")
        section = sections.get(guard.signal)
        if guard.kind == "sequential" and section and not section.additive:
            text = "does not tell bad events from good ones, which sequential counts; accepted: hard or compared"
            yield Flaw((*place, "signal"), text)
    if guard.business is not None:
        kinds = {name: number.judged_as for name, number in spec.business.items()}
        kinds |= {name: each.kind for name, each in release.business.items()}
        accepted = "entry of `business` or `release.business`"
        yield from _known((*place, "business"), guard.business, list(kinds), accepted)
        gauge = kinds.get(guard.business) == "gauge"
        yield from _judgeable(guard, kinds.get(guard.business), (*place, "business"))
    for name in ("above", "below"):
        bound = getattr(guard, name)
        if bound is not None and not gauge and not 0 <= bound <= 1:
            yield Flaw((*place, name), f"is {bound:g}; a share is from 0% to 100%")


def _judgeable(guard: GuardSpec, kind: str | None, place: Place) -> Iterator[Flaw]:
    judges = {"hard": ("ratio", "gauge"), "end_of_bake": ("gauge",)}.get(guard.kind, ("ratio",))
    if kind is not None and kind not in judges:
        text = f"is a {kind}, of which a {guard.kind} guard can make nothing; accepted: a {choice(judges)}"
        yield Flaw(place, text)


def _compared(release: ReleaseSpec, guard: GuardSpec, place: Place) -> Iterator[Flaw]:
    if release.strategy == "blue_green":
        text = f"{guard.kind} needs a baseline that serves beside the new version; in blue_green none does"
        yield Flaw((*place, "kind"), f"{text}; accepted: hard or budget")
    if release.strategy == "blue_green" or guard.signal is not None:  # events name their version themselves
        return
    for name in ("canary", "baseline"):
        if getattr(release, name) is None:
            text = f"{guard.kind} compares two versions: say which series are whose, as in"
            yield Flaw(place, f"{text} release.{name}: {{version: '${{{_SLOT[name]}}}'}}")
    if release.canary is not None and release.canary == release.baseline:
        yield Flaw(("release", "baseline"), "has the labels of `canary`: a version would be compared with itself")


_SLOT = {"canary": "version", "baseline": "previous"}


def sli_named(spec: ServiceSpec, name: str) -> SliSpec | None:
    """What the SLO of that name counts: its own SLI, or that of the SLO it is the same as."""
    slo = spec.slo(name)
    other = spec.slo(slo.sli.same_as) if slo and slo.sli.same_as else slo
    return other.sli if other else None


def _known(place: Place, name: str, names: list[str], noun: str) -> Iterator[Flaw]:
    if name not in names:
        hint = did_you_mean(name, names)
        accepted = f"accepted: {choice(names)}" if names else "there is none"
        yield Flaw(place, f"{name!r} is no {noun}; {accepted}{';' + hint if hint else ''}")
