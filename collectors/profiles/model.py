"""What a profile says of an engine's page: where each quantity stands, in which unit, and what it is no measure of.

Profiles are the YAML files beside this module; one is added by writing a file and its name in spec/collect.py.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from burnline.metrics.measured import kind_of
from burnline.metrics.register import MEASURED
from burnline.spec.selector import Selector, SelectorField
from burnline.spec.strict import Strict
from burnline.spec.units import Text
from burnline.spec.words import did_you_mean

UNITS = {  # what one of the page's units is in the base unit
    "base": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "ns": 1e-9,
    "percent": 1e-2,
    "MiB": 2.0**20,
    "KiB": 2.0**10,
    "MHz": 1e6,
    "mJ": 1e-3,
}
MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _rising(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if any(low >= high for low, high in pairwise(bounds)):
        raise ValueError("must rise from bound to bound")
    return bounds


Bounds = Annotated[tuple[float, ...], AfterValidator(_rising)]


class Source(Strict):
    """One way in which some version of the engine shows a quantity; several series are added up.

    Attributes:
        of: what the series is a part of: where this is there and the series is not, it is 0 (no error yet).
        versions: those that show it so, for people.
        unit: of the page's values, and of its bucket bounds.
        merge: how series that differ in labels which are not kept become one.
        add: labels with a value of their own; sources that add others are parts of the quantity, not alternatives.
        bounds: of a histogram, without +Inf, in the page's unit; absent where every service chooses its own.
        bounds_by: what changes them, for people.
    """

    series: Annotated[tuple[SelectorField, ...], BeforeValidator(_listed), Field(min_length=1)]
    of: SelectorField | None = None
    versions: str = ""
    unit: Literal["base", "ms", "us", "ns", "percent", "MiB", "KiB", "MHz", "mJ"] = "base"
    merge: Literal["sum", "max"] = "sum"
    labels: dict[LabelName, LabelName] | None = None
    add: dict[LabelName, Text] = Field(default_factory=dict)
    bounds: Bounds = ()
    bounds_by: str = ""

    @property
    def scale(self) -> float:
        return UNITS[self.unit]

    @property
    def names(self) -> frozenset[str]:
        """The metrics it reads; a histogram without `_bucket`."""
        read = (*self.series, self.of) if self.of else self.series
        return frozenset(selector.metric for selector in read)

    def base_bounds(self) -> tuple[float, ...]:
        """The bounds in the base unit."""
        return tuple(base_bound(bound, self) for bound in self.bounds)


def base_bound(bound: float, source: Source) -> float:
    """A bucket bound in the base unit; in whole microseconds, which is what the `below` of an SLO can say."""
    value = bound * source.scale
    return round(value, 6) if value >= 1e-3 else float(f"{value:.12g}")


class Quantity(Strict):
    """Where one of burnline's own series comes from: the first source that is on the page.

    Attributes:
        expected: whether the engine shows it by itself once it serves, so that its absence is worth a word.
        shown_by: what makes the engine show it, for people: a flag, a setting, a first request.
    """

    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    expected: bool = True
    shown_by: str = ""

    @property
    def parts(self) -> tuple[tuple[Source, ...], ...]:
        """The alternatives for each part that adds labels of its own; one part where nothing is added."""
        parts: dict[tuple[tuple[str, str], ...], list[Source]] = {}
        for source in self.sources:
            parts.setdefault(tuple(source.add.items()), []).append(source)
        return tuple(map(tuple, parts.values()))

    @property
    def names(self) -> frozenset[str]:
        """The metrics of every source."""
        return frozenset().union(*(source.names for source in self.sources))

    @property
    def looked_for(self) -> tuple[str, ...]:
        """Every series it could be made of, for people."""
        return tuple(dict.fromkeys(str(series) for source in self.sources for series in source.series))


class Recognise(Strict):
    """How a page of this engine is known: one of `must` is there; each of `may` makes it surer.

    Attributes:
        over: engines that this one has inside, whose series are on its page too; it goes before them.
        general: many programs show these; it counts only where nothing else is recognised.
    """

    must: Annotated[tuple[MetricName, ...], Field(min_length=1)]
    may: tuple[MetricName, ...] = ()
    over: tuple[Text, ...] = ()
    general: bool = False


class Ratio(Strict):
    """An SLI of requests, on the page's series or burnline's own; of several of one name the first that is there.

    Attributes:
        begins_later: the engine shows no series of `bad` before there is something bad.
    """

    name: Text = "availability"
    bad: SelectorField
    total: SelectorField
    begins_later: bool = False
    why: Text


class Limit(Strict):
    """A gauge that says the engine is full; of several of one name the first that is there."""

    name: Text
    gauge: SelectorField
    above: float
    why: Text


class Refusal(Strict):
    """A series that does not mean what it seems to: an SLI of this kind on it is refused."""

    series: MetricName
    kind: Literal["ratio", "latency"]
    why: Text


class Version(Strict):
    """The info series that tells which model version serves."""

    metric: MetricName
    label: LabelName


class Latency(Strict):
    """A histogram worth a promise: `histogram` is the page's, `below` the promise in seconds that most would make."""

    name: Text
    histogram: SelectorField
    below: float
    objective: Text = "99%"
    why: Text
    on: MetricName | None = None  # burnline's own series to promise on, where the page's unit is no second


class Profile(Strict):
    """One engine.

    Attributes:
        page: where its metrics are, for people.
        covers: the versions its names were taken from.
        source: where the names, labels and bounds were read.
        labels: the page's labels that are kept, and what they become.
        availability: the valid sources, best first.
        no_latency: why no promise on latency can be made where no histogram is on the page.
    """

    title: Text
    page: Text
    covers: Text
    source: Text
    recognise: Recognise
    labels: dict[LabelName, LabelName] = Field(default_factory=dict)
    quantities: dict[str, Quantity] = Field(default_factory=dict)
    availability: tuple[Ratio, ...] = ()
    no_availability: str = ""
    latency: tuple[Latency, ...] = ()
    no_latency: str = ""
    full: tuple[Limit, ...] = ()
    refused: tuple[Refusal, ...] = ()
    version: Version | None = None
    traps: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name, quantity in self.quantities.items():
            if name not in MEASURED:
                raise ValueError(f"{name!r} is nothing burnline measures;{did_you_mean(name, MEASURED)}")
            for source in quantity.sources:
                _check(name, source)
        return self

    @property
    def names(self) -> frozenset[str]:
        """Every metric of the page that some quantity reads."""
        return frozenset().union(*(quantity.names for quantity in self.quantities.values()))

    def histograms(self) -> dict[str, list[Source]]:
        """The sources of each of the page's histograms, and of burnline's own made of them."""
        found: dict[str, list[Source]] = {}
        for name, quantity in self.quantities.items():
            if kind_of(name) == "histogram":
                found[name] = list(quantity.sources)
                for source in quantity.sources:
                    for metric in source.names:
                        found.setdefault(metric, []).append(source)
        return found


def _check(name: str, source: Source) -> None:
    kind = kind_of(name)
    if source.bounds and kind != "histogram":
        raise ValueError(f"{name} is a {kind} and has no bounds")
    if source.of and kind != "counter":
        raise ValueError(f"{name} is a {kind}; only of a counter it is known that none is 0")
    if source.merge == "max" and kind != "gauge":
        raise ValueError(f"{name} is a {kind}; only gauges are merged by max")
    if kind == "histogram" and len(source.series) > 1:
        raise ValueError(f"{name} is a histogram; it is read from one series")


__all__ = ["Latency", "Limit", "Profile", "Quantity", "Ratio", "Refusal", "Selector", "Source"]
