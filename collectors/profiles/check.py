"""What a service file asks of a page and the page, by its profile, cannot answer: bounds, units, misleading series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isclose

from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.model import Profile, Source, base_bound
from burnline.spec.collect import ScrapeSpec
from burnline.spec.place import Flaw, Place
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import LatencySli, RatioSli
from burnline.spec.units import format_duration


def check_profiles(spec: ServiceSpec) -> Iterator[Flaw]:
    """Every SLO on a series that its page's profile knows and that cannot work so."""
    pages = [item for item in spec.collect if isinstance(item, ScrapeSpec)]
    profiles = [load_profile(page.profile) for page in pages]
    for index, slo in enumerate(spec.slos):
        place = ("slos", index, "sli", slo.sli.kind)
        if slo.sli.latency:
            yield from _refused(slo.sli.latency.histogram.metric, "latency", profiles, (*place, "histogram"))
            yield from _bounds(slo.sli.latency, pages, (*place, "below"))
        if slo.sli.ratio:
            yield from _ratio(slo.sli.ratio, profiles, place)


def _ratio(ratio: RatioSli, profiles: Sequence[Profile], place: Place) -> Iterator[Flaw]:
    for side in ("bad", "good", "total"):
        if selector := getattr(ratio, side):
            yield from _refused(selector.metric, "ratio", profiles, (*place, side))


def _refused(metric: str, kind: str, profiles: Sequence[Profile], place: Place) -> Iterator[Flaw]:
    said = set()
    for profile in profiles:
        for refusal in profile.refused:
            if (refusal.series, refusal.kind) == (metric, kind) and refusal.why not in said:
                said.add(refusal.why)
                yield Flaw(place, f"{metric} of {profile.title} is no source for this: {refusal.why}")


@dataclass(frozen=True, slots=True)
class _Known:
    """One histogram as one page has it; `bounds` in seconds, empty where nobody knows them."""

    metric: str
    page: int
    source: Source
    bounds: tuple[float, ...]


def _bounds(latency: LatencySli, pages: Sequence[ScrapeSpec], place: Place) -> Iterator[Flaw]:
    metric = latency.histogram.metric
    known = [each for index, page in enumerate(pages) for each in _known(metric, index, page)]
    if not known or any(not each.bounds for each in known):
        return
    bounds = sorted({bound for each in known for bound in each.bounds})
    if metric in known[0].source.names and (odd := _odd(known[0].source)):
        yield Flaw((*place[:-1], "histogram"), f"{metric} {odd}; {_own(known[0], pages)}")
    elif not any(isclose(bound, latency.below.total_seconds(), rel_tol=1e-9) for bound in bounds):
        yield Flaw(place, _message(latency, bounds, known[0]))


def _known(metric: str, index: int, page: ScrapeSpec) -> Iterator[_Known]:
    for source in load_profile(page.profile).histograms().get(metric, ()):
        own = next((page.bounds[name] for name in source.names if name in page.bounds), None)
        bounds = source.base_bounds() if own is None else tuple(base_bound(bound, source) for bound in own)
        yield _Known(metric, index, source, bounds)


def _odd(source: Source) -> str:
    """Why no `below` can be one of the page's own bounds."""
    if source.unit != "base":
        return f"is in {source.unit}, and `below` is compared in seconds"
    whole = all(bound == round(bound, 6) for bound in source.bounds)
    return "" if whole else "has bounds of less than a microsecond's precision, which no duration can say"


def _own(known: _Known, pages: Sequence[ScrapeSpec]) -> str:
    profile = load_profile(pages[known.page].profile)
    ours = next(name for name, quantity in profile.quantities.items() if known.source in quantity.sources)
    return f"write {ours}, which burnline makes of it in seconds and whole microseconds"


def _message(latency: LatencySli, bounds: Sequence[float], known: _Known) -> str:
    below = latency.below.total_seconds()
    under = [bound for bound in bounds if 0 < bound < below][-1:]
    over = [bound for bound in bounds if bound > below][:1]
    near = " or ".join(format_duration(timedelta(seconds=bound)) for bound in (*under, *over))
    by = f"; the engine changes them by {known.source.bounds_by}" if known.source.bounds_by else ""
    raw = min(known.source.names)
    return (
        f"is {format_duration(latency.below)}, which is no bucket bound of {latency.histogram.metric}; nearest: {near}"
        f"{by}: where yours are others, write them in collect[{known.page}].bounds, as in {{{raw!r}: [0.1, 0.25]}}"
    )
