"""Samples of one collector on their way to the page, without prometheus_client's objects between."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Metric
from prometheus_client.samples import Exemplar as LibraryExemplar

from burnline.events import Sample
from burnline.exposition.exemplars import Exemplar, Series, series_of
from burnline.exposition.others import Other, others_of, without_clashes
from burnline.metrics.measured import HISTOGRAMS, SUMMARIES, kind_of

_BUCKETS = re.compile("_(?:bucket|sum|count)$")
Found = Mapping[Any, Mapping[Series, Exemplar]]  # by a source's key, the exemplars of its series


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What one collector gave. The same object again means that nothing has changed, and costs nothing.

    Attributes:
        key: whose it is; one source of each key on a page.
        samples: only names that the page knows are passed on. Their labels must not be changed afterwards.
        labels: what each sample has besides; its own win.
        others: names that nobody registered are passed on too.
    """

    key: Hashable
    samples: Sequence[Sample]
    labels: Mapping[str, str] = field(default_factory=dict)
    others: bool = False

    def series(self, sample: Sample) -> Series:
        """The key of its exemplar."""
        own = {name: value for name, value in sample.labels.items() if name not in self.labels}
        return series_of(sample.name, own)


def metrics_of(
    sources: Iterable[Source],
    register: Mapping[str, str],
    exemplars: Found | None = None,
    taken: Iterable[str] = (),
) -> Iterator[Metric]:
    """The same as prometheus_client's objects: one family for each name of the register that is there, then others.

    Args:
        taken: names that others may not have.
    """
    families: dict[str, Metric] = {}
    others: dict[Other, Metric] = {}
    for source in sources:
        found = (exemplars or {}).get(source.key, {})
        kinds = others_of(source.samples, register) if source.others else {}
        for sample in source.samples:
            if (name := family_name(sample.name)) in register:
                family = families.setdefault(name, family_of(name, register[name]))
            elif other := kinds.get(sample.name):
                family = others.setdefault(other, other.empty())
            else:
                continue
            labels, exemplar = {**source.labels, **sample.labels}, found.get(source.series(sample)) if found else None
            family.add_sample(sample.name, labels, sample.value, exemplar=_library(exemplar) if exemplar else None)
    yield from (families[name] for name in register if name in families)
    yield from (others[other] for other in without_clashes(others, taken))


def _library(exemplar: Exemplar) -> LibraryExemplar:
    ids = {"trace_id": exemplar.trace_id, **({"span_id": exemplar.span_id} if exemplar.span_id else {})}
    return LibraryExemplar(ids, exemplar.value, round(exemplar.at, 3))


def family_of(name: str, text: str) -> Metric:
    """An empty family of the register."""
    return Metric(name.removesuffix("_total"), text, kind_of(name))


def family_name(name: str) -> str:
    """A sample's name in the register: without `_bucket`, `_sum` or `_count` where it is part of something."""
    base = _BUCKETS.sub("", name)
    return base if base in HISTOGRAMS or base in SUMMARIES else name
