"""Families that nobody registered, by what their samples are called: what others sent has no help and says no kind.

Prometheus' endings tell the kind: `_bucket` with a bound is a histogram's, `_count` beside `_sum` a summary's, `_total`
a counter's; anything else is a gauge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import Metric

from burnline.events import Sample
from burnline.exposition.layout import is_plain

HELP = "Sent to burnline by OTLP."
KINDS = ("histogram", "summary", "counter", "gauge")  # of several that ask for one name the first has it
ENDS: Mapping[str, tuple[str, ...]] = {
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "summary": ("_count", "_sum", "_created"),
    "counter": ("_total", "_created"),
    "info": ("_info",),
}
PROMETHEUS = ("up", "ALERTS", "ALERTS_FOR_STATE")  # names that it writes itself, beside scrape_*


class Other(NamedTuple):
    """One family. It sorts by its kind first, as KINDS has them.

    Attributes:
        name: without `_total`.
    """

    rank: int
    name: str

    @property
    def kind(self) -> str:
        """As `# TYPE` has it."""
        return KINDS[self.rank]

    @property
    def shown(self) -> str:
        """The name above it in the text format."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def empty(self) -> Metric:
        """As prometheus_client's object."""
        return Metric(self.name, HELP, self.kind)

    @property
    def claims(self) -> frozenset[str]:
        """The names that nobody else may have on one page."""
        return claims_of(self.name, self.kind)


def claims_of(name: str, kind: str) -> frozenset[str]:
    """The names of a family and of all samples that it may have."""
    return frozenset({name, *(name + end for end in ENDS.get(kind, ()))})


def others_of(samples: Iterable[Sample], register: Mapping[str, str]) -> dict[str, Other]:
    """By samples' names, their families; not of those of the register or of Prometheus itself, or with a colon."""
    bounds: dict[str, set[str]] = {}
    for sample in samples:
        bounds.setdefault(sample.name, set()).update(sample.labels.keys() & {"le", "quantile"})
    histograms = {name.removesuffix("_bucket") for name, has in bounds.items() if "le" in has}
    summed = {name.removesuffix("_sum") for name in bounds if f"{name.removesuffix('_sum')}_count" in bounds}
    summaries = summed | {name for name, has in bounds.items() if "quantile" in has}
    return {
        name: _family(name, histograms, summaries)
        for name in bounds
        if name not in register and is_plain(name) and name not in PROMETHEUS and not name.startswith("scrape_")
    }


def without_clashes(others: Iterable[Other], taken: Iterable[str]) -> Iterator[Other]:
    """Those that can be on one page with names that are `taken`: of two that ask for one name, the first by KINDS."""
    claimed = set(taken)
    for other in sorted(others):
        if claimed.isdisjoint(other.claims):
            claimed |= other.claims
            yield other


def _family(name: str, histograms: Collection[str], summaries: Collection[str]) -> Other:
    base, _, part = name.rpartition("_")
    if part in ("bucket", "count", "sum") and base in histograms:
        return Other(KINDS.index("histogram"), base)
    if name in summaries or (part in ("count", "sum") and base in summaries):
        return Other(KINDS.index("summary"), name if name in summaries else base)
    return Other(KINDS.index("counter"), base) if part == "total" and base else Other(KINDS.index("gauge"), name)
