"""Samples of one collector on their way to the page, without prometheus_client's objects between."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Metric

from burnline.events import Sample
from burnline.metrics.measured import HISTOGRAMS, SUMMARIES, kind_of

_BUCKETS = re.compile("_(?:bucket|sum|count)$")


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What one collector gave. The same object again means that nothing has changed, and costs nothing.

    Attributes:
        key: whose it is; one source of each key on a page.
        samples: only names that the page knows are passed on. Their labels must not be changed afterwards.
        labels: what each sample has besides; its own win.
    """

    key: Hashable
    samples: Sequence[Sample]
    labels: Mapping[str, str] = field(default_factory=dict)


def metrics_of(sources: Iterable[Source], register: Mapping[str, str]) -> Iterator[Metric]:
    """The same as prometheus_client's objects: one family for each name of the register that is there."""
    families: dict[str, Metric] = {}
    for source in sources:
        for sample in source.samples:
            if (name := family_name(sample.name)) in register:
                family = families.setdefault(name, family_of(name, register[name]))
                family.add_sample(sample.name, {**source.labels, **sample.labels}, sample.value)
    yield from (families[name] for name in register if name in families)


def family_of(name: str, text: str) -> Metric:
    """An empty family of the register."""
    return Metric(name.removesuffix("_total"), text, kind_of(name))


def family_name(name: str) -> str:
    """A sample's name in the register: without `_bucket`, `_sum` or `_count` where it is part of something."""
    base = _BUCKETS.sub("", name)
    return base if base in HISTOGRAMS or base in SUMMARIES else name
