"""A page through its profile: the series somebody asked for as they are, and burnline's own made of the page's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from burnline.collectors.profiles.model import Profile, Quantity, Source, base_bound
from burnline.events import Sample
from burnline.metrics import COLLECTOR
from burnline.metrics.measured import HISTOGRAMS
from burnline.spec.selector import Selector

BUCKET = "_bucket"
Labels = tuple[tuple[str, str], ...]
ByMetric = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Lack:
    """One of burnline's own series that a page does not give.

    Attributes:
        looked_for: the page's metrics it could be made of, the newest version's first.
        shown_by: what would make the engine show one, for people.
    """

    quantity: str
    looked_for: tuple[str, ...]
    shown_by: str = ""

    def __str__(self) -> str:
        *first, last = self.looked_for
        names = f"{', '.join(first)} or {last}" if first else last
        return f"no {self.quantity}: the page has no {names}" + (f"; {self.shown_by}" if self.shown_by else "")


def own_series(profile: Profile, samples: Iterable[Sample], *, collector: str) -> list[Sample]:
    """Burnline's own series made of a page's samples: the first source that is there, scaled, relabelled, merged.

    Values that are not finite after scaling are left out, as are bucket bounds that are no numbers.
    """
    by_metric = _by_metric(samples)
    return [
        made
        for name, quantity in profile.quantities.items()
        for part in quantity.parts
        if (source := chosen(part, by_metric))
        for made in _made(name, source, profile.labels, by_metric, collector)
    ]


def _by_metric(samples: Iterable[Sample]) -> ByMetric:
    by_metric: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_metric[sample.name].append(sample)
    return by_metric


def chosen(sources: Sequence[Source], by_metric: ByMetric) -> Source | None:
    """The first source of which a series is on the page, or what it is a part of."""
    there = (source for source in sources if any(_is_there(each, by_metric) for each in _read(source)))
    return next(there, None)


def _read(source: Source) -> tuple[Selector, ...]:
    return (*source.series, source.of) if source.of else source.series


def _is_there(selector: Selector, by_metric: ByMetric) -> bool:
    return any(True for suffix in ("", BUCKET) for _ in _matching(selector, suffix, by_metric))


def lacks(profile: Profile, page: str, samples: Iterable[Sample]) -> tuple[Lack, ...]:
    """What the profile expects and the page does not give.

    A metric that the page declares and has counted nothing of yet is not lacking: its first request brings it.
    """
    return tuple(lack for lack, quantity in _absent(profile, page, samples) if quantity.expected)


def hints(profile: Profile, page: str, samples: Iterable[Sample]) -> tuple[str, ...]:
    """What the engine shows only when it is asked to, and what asks it: a line for each way to do so."""
    found: dict[str, list[str]] = defaultdict(list)
    for lack, quantity in _absent(profile, page, samples):
        if quantity.shown_by and not quantity.expected:
            found[quantity.shown_by].append(lack.quantity)
    return tuple(f"not on the page: {', '.join(names)}; {shown_by}" for shown_by, names in found.items())


def _absent(profile: Profile, page: str, samples: Iterable[Sample]) -> Iterator[tuple[Lack, Quantity]]:
    by_metric = _by_metric(samples)
    for name, quantity in profile.quantities.items():
        if chosen(quantity.sources, by_metric) is None and not any(_declared(page, each) for each in quantity.names):
            yield Lack(name, quantity.looked_for, quantity.shown_by), quantity


def _declared(page: str, metric: str) -> bool:
    return f"# TYPE {metric} " in page or f"# TYPE {metric.removesuffix('_total')} " in page


def _made(
    name: str, source: Source, labels: Mapping[str, str], by_metric: ByMetric, collector: str
) -> Iterator[Sample]:
    kept = source.labels if source.labels is not None else labels
    made = _histogram if name in HISTOGRAMS else _plain
    for suffix, key, value in made(source, kept, by_metric):
        if math.isfinite(value):
            yield Sample(name + suffix, {COLLECTOR: collector, **dict(key), **source.add}, value)


def _plain(source: Source, kept: Mapping[str, str], by_metric: ByMetric) -> Iterator[tuple[str, Labels, float]]:
    merged: dict[Labels, float] = {}
    if source.of:  # no error yet is 0 errors: an error count begins at 0, not at the first error
        merged = {_labels(sample, kept): 0.0 for sample in _matching(source.of, "", by_metric)}
    for selector in source.series:
        for sample in _matching(selector, "", by_metric):
            _merge(merged, _labels(sample, kept), _scaled(sample.value, source), source.merge)
    for key, value in merged.items():
        yield "", key, value


def _scaled(value: float, source: Source) -> float:
    """In the base unit, without the digits that only multiplying put there (41 % is 0.41)."""
    return value if source.scale == 1 else float(f"{value * source.scale:.15g}")


def _merge(merged: dict[Labels, float], key: Labels, value: float, how: str) -> None:
    before = merged.get(key)
    if before is None:
        merged[key] = value
    else:
        merged[key] = max(before, value) if how == "max" else before + value


def _histogram(source: Source, kept: Mapping[str, str], by_metric: ByMetric) -> Iterator[tuple[str, Labels, float]]:
    """Whole histograms only: without a bucket for everything, nothing says what the others are a share of."""
    selector = source.series[0]
    buckets: dict[Labels, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for sample in _matching(selector, BUCKET, by_metric):
        if (bound := _bound(sample, source)) is not None:
            buckets[_labels(sample, kept)][bound] += sample.value
    sums: dict[Labels, float] = {}
    for sample in _matching(selector, "_sum", by_metric):
        _merge(sums, _labels(sample, kept), _scaled(sample.value, source), "sum")
    for key, counts in buckets.items():
        if math.inf in counts:
            for bound in sorted(counts):
                yield BUCKET, (*key, ("le", go_number(bound))), counts[bound]
            if math.isfinite(sums.get(key, math.inf)):
                yield "_count", key, counts[math.inf]
                yield "_sum", key, sums[key]


def _matching(selector: Selector, suffix: str, by_metric: ByMetric) -> Iterator[Sample]:
    found = by_metric.get(selector.metric + suffix, ())
    return (sample for sample in found if selector.matches(selector.metric, sample.labels))


def _bound(sample: Sample, source: Source) -> float | None:
    try:
        bound = base_bound(float(sample.labels.get("le", "")), source)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound


def _labels(sample: Sample, kept: Mapping[str, str]) -> Labels:
    return tuple((ours, sample.labels[theirs]) for theirs, ours in kept.items() if sample.labels.get(theirs))


def go_number(value: float) -> str:
    """A bound as the Python client writes it."""
    return "+Inf" if value == math.inf else str(float(value))
