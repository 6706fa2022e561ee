"""What burnline itself measured for a service, newest value by value, as a person reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.app.wiring import App
from burnline.collectors.contract import PUSHED
from burnline.events import Collection, Sample
from burnline.metrics import SERVICE, business
from burnline.metrics.register import MEASURED
from burnline.spec.host import host_of
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration

ROWS = 20  # of one name; a page is no data base
PARTS = {  # the second word of a name, and the heading above all that share it
    "serving": "Serving",
    "events": "Predictions",
    "labelled": "Predictions",
    "labels": "Predictions",
    "samples": "Predictions",
    "queue": "Queues",
    "storage": "Storage",
    "job": "Jobs",
    "genai": "Generative AI",
    "answers": "Answers of generative AI",
    "otlp": "Telemetry",
    "security": "Security",
    "business": "Business",
    "cost": "Cost",
    "release": "Releases",
    "gpu": "GPUs of this host",
    "host": "This host",
}
TEAMS = "OpenTelemetry metrics"  # what the team names itself
ABOUT_TEAMS = "The team's own, sent over OTLP."
OTHERS = "Others"
OWN = "burnline_"
WELL = ("_up", "_complete", "_present")  # how the names end that are 1 while all is well
HIDDEN = ("_bucket", "_sum")  # of a histogram, whose count is shown
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
DECIMAL = ("", "k", "M", "G", "T")


@dataclass(frozen=True, slots=True)
class NumberView:
    """One series now: its labels as text, and its value in a unit that people read."""

    labels: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class FamilyView:
    """All series of one name; `more` are left out."""

    name: str
    about: str
    numbers: tuple[NumberView, ...]
    more: int


@dataclass(frozen=True, slots=True)
class PartView:
    """What belongs together, under one heading."""

    title: str
    families: tuple[FamilyView, ...]

    @property
    def rows(self) -> int:
        """How many lines a page needs for it."""
        return sum(len(family.numbers) + bool(family.more) for family in self.families)


def measured(app: App, spec: ServiceSpec, now: datetime) -> tuple[PartView, ...]:
    """The newest turn of each collector; of this host's own where the service file asks for them."""
    here = "gpu" in spec.collect or host_of(spec.collect) is not None
    turns = [turn for turn in app.latest_turns() if turn.service == spec.service or (here and not turn.service)]
    families: dict[str, list[FamilyView]] = {}
    units = {number: said.unit for number, said in spec.business.items() if said.unit}
    for family in _families(turns, units, now):
        families.setdefault(_part(family.name), []).append(family)
    titles = dict.fromkeys((*PARTS.values(), TEAMS, OTHERS))
    return tuple(PartView(title, tuple(families[title])) for title in titles if title in families)


def _part(name: str) -> str:
    return PARTS.get(name.split("_")[1], OTHERS) if name.startswith(OWN) else TEAMS


def _families(turns: Iterable[Collection], units: Mapping[str, str], now: datetime) -> Iterator[FamilyView]:
    found: dict[str, list[Sample]] = {}
    sums: dict[tuple[str, str], float] = {}
    for turn, sample in ((each, sample) for each in turns if each.ok for sample in each.samples):
        theirs = turn.collector == PUSHED and not sample.name.startswith(OWN)
        if sample.name.endswith("_sum"):
            sums[sample.name.removesuffix("_sum"), _labels(sample)] = sample.value
        if not sample.name.endswith(HIDDEN) and (theirs or _help(sample.name) is not None):
            found.setdefault(sample.name, []).append(sample)
    for name in sorted(found):
        numbers = [_number(sample, sums, units, now) for sample in sorted(found[name], key=_is_usual)]
        yield FamilyView(name, _help(name) or ABOUT_TEAMS, tuple(numbers[:ROWS]), max(0, len(numbers) - ROWS))


def _is_usual(sample: Sample) -> bool:
    """What happened stands before what did not: of a name that is 1 while all is well, the zeros."""
    return (sample.value == 0) is not sample.name.endswith(WELL)


def _number(
    sample: Sample, sums: Mapping[tuple[str, str], float], units: Mapping[str, str], now: datetime
) -> NumberView:
    """Of a histogram its mean beside its count; of a business number its unit."""
    base, labels = sample.name.removesuffix("_count"), _labels(sample)
    text = in_words(sample.name, sample.value, now)
    if (base, labels) in sums and sample.value > 0:
        text = f"{in_words(base, sums[base, labels] / sample.value, now)} on average, of {text}"
    if sample.name in (business.TOTAL, business.VALUE):
        text = f"{text} {units.get(sample.labels.get('number', ''), '')}".rstrip()
    return NumberView(labels, sample.value, text)


def _help(name: str) -> str | None:
    """The sentence about a name, its labels in braces; None for what burnline does not measure."""
    return MEASURED.get(name) or MEASURED.get(name.removesuffix("_count"))


def _labels(sample: Sample) -> str:
    shown = ((label, value) for label, value in sorted(sample.labels.items()) if value and label != SERVICE)
    return ", ".join(f"{label} {value}" for label, value in shown)


def in_words(name: str, value: float, now: datetime) -> str:
    """A value in the unit that the name ends with.

    >>> in_words("x_bytes", 3 * 2**30, datetime.min), in_words("x_ratio", 0.25, datetime.min)
    ('3 GiB', '25%')
    """
    if not math.isfinite(value):
        return str(value)
    if name.endswith("_timestamp_seconds"):
        ago = now.timestamp() - value
        return f"{_span(ago)} ago" if ago >= 0 else f"in {_span(-ago)}"
    bare = name.removesuffix("_total")
    for suffix, write in WRITERS.items():
        if bare.endswith(suffix):
            return write(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _span(seconds: float) -> str:
    if 0 < abs(seconds) < 1:
        return f"{seconds * 1000:.3g} ms"
    if abs(seconds) > LONGEST.total_seconds():
        return f"{seconds / LONGEST.total_seconds():,.4g} years"
    return format_duration(timedelta(seconds=round(seconds, 1 if abs(seconds) < 60 else 0)))


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= step and power < len(units) - 1:
        value, power = value / step, power + 1
    return f"{value:.4g} {units[power]}"


LONGEST = timedelta(days=365)
WRITERS: Mapping[str, Callable[[float], str]] = {
    "_ratio": lambda value: f"{value * 100:.3g}%",
    "_bytes_per_second": lambda value: _scaled(value, 1024, BINARY) + "/s",
    "_bytes": lambda value: _scaled(value, 1024, BINARY),
    "_seconds": _span,
    "_celsius": lambda value: f"{value:,.4g} °C",
    "_watts": lambda value: f"{value:,.4g} W",
    "_hertz": lambda value: _scaled(value, 1000, DECIMAL) + "Hz",
    "_joules": lambda value: _scaled(value, 1000, DECIMAL) + "J",
}
