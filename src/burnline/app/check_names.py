"""Names of burnline's own series in a service file: those that do not exist, and those that nothing declared gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from burnline import metrics
from burnline.collectors.fleet import has_page
from burnline.collectors.given import missing
from burnline.metrics import business, cost, instruments
from burnline.metrics.measured import HISTOGRAMS, SUMMARIES, kind_of
from burnline.metrics.otlp import otlp_instruments
from burnline.metrics.register import MEASURED
from burnline.spec.collect import ScrapeSpec
from burnline.spec.place import Flaw, Place
from burnline.spec.queue import QueueSpec
from burnline.spec.selector import Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice, did_you_mean

PREFIX = "burnline_"
TWICE = (
    "the page of DCGM's exporter tells of GPUs too: where they are those of this host, sums of burnline_gpu_* count "
    "each twice; leave `gpu` out, unless you need what only it tells (XIDs, memory by process)"
)
PARTS = {"histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}
_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`""")
_NAME = re.compile(r"(?<![a-zA-Z0-9_:])burnline_[a-zA-Z0-9_:]*")


def unknown_names(spec: ServiceSpec) -> Iterator[Flaw]:
    """Selectors of `burnline_*` that nothing of burnline is called."""
    for place, selector in _selectors(spec, ()):
        name, families = selector.metric, place[-1] == "histogram"
        if name.startswith(PREFIX) and not _is_known(name, families=families):
            yield Flaw(place, f"{name} {_why(name, families=families)}")


def doubtful_names(spec: ServiceSpec) -> Iterator[Flaw]:
    """Names that are known, of which nothing declared in the file gives a series; and unknown ones within PromQL.

    A rule of somebody's own may record such a name, and a page of kind `http` may show it.
    """
    if spec.cost is not None and (advice := missing(spec, cost.SPENT)):
        but = " but that of jobs" if spec.jobs else ""
        yield Flaw(("cost",), f"how many GPUs serve is not known, so there is no cost{but}: {advice}" + _unless(spec))
    if "gpu" in spec.collect and has_page(spec):
        yield Flaw(("collect", spec.collect.index("gpu")), TWICE)
    for place, selector in _selectors(spec, ()):
        name = selector.metric
        if name.startswith(PREFIX) and _is_known(name, families=place[-1] == "histogram"):
            said = _nothing_gives(spec, selector)
            yield from (Flaw(place, each) for each in said)
    for index, slo in enumerate(spec.slos):
        if slo.sli.promql is not None:
            for side, text in slo.sli.promql.model_dump(exclude_none=True).items():
                for name in dict.fromkeys(_NAME.findall(_QUOTED.sub("", text))):
                    if not _is_known(name, families=False):
                        why = f"{name}, unless a rule of yours records it, {_why(name, families=False)}"
                        yield Flaw(("slos", index, "sli", "promql", side), why)


def _selectors(value: Any, place: Place) -> Iterator[tuple[Place, Selector]]:
    """Every selector of the file and where it stands."""
    if isinstance(value, Selector):
        yield place, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _selectors(getattr(value, name), (*place, field.alias or name))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _selectors(each, (*place, key))
    elif isinstance(value, tuple | list):
        for index, each in enumerate(value):
            yield from _selectors(each, (*place, index))


def _is_known(name: str, *, families: bool) -> bool:
    return name in (_histograms() if families else _series())


def _why(name: str, *, families: bool) -> str:
    """What is wrong with the name, and what was meant."""
    kind = _kind(name)
    if families and kind:
        return f"is a {kind} and no histogram"
    if kind in PARTS:
        return f"is a {kind}; its series are {choice(name + part for part in PARTS[kind])}"
    near = did_you_mean(name, _histograms() if families else (*_series(), *HISTOGRAMS, *SUMMARIES))
    return f"is no series of burnline's;{near}".rstrip(";")


def _kind(name: str) -> str:
    if name in MEASURED:
        return kind_of(name)
    return "counter" if name in _of_itself() else ""


@cache
def _histograms() -> frozenset[str]:
    own = {name.removesuffix("_bucket") for name in _of_itself() if name.endswith("_bucket")}
    return frozenset(HISTOGRAMS | own)


@cache
def _series() -> frozenset[str]:
    """Every series that burnline measures, makes or tells of itself, under its full name."""
    measured = {name + part for name in MEASURED for part in PARTS.get(kind_of(name), ("",))}
    return frozenset(measured | _of_itself())


@cache
def _of_itself() -> frozenset[str]:
    """What burnline tells of itself, its SLOs and its signals at its own /metrics."""
    registry = CollectorRegistry()
    instruments(registry)
    otlp_instruments(registry)
    counted = {name for family in registry.collect() for name in _names(family.name, family.type)}
    named = {value for value in vars(metrics).values() if isinstance(value, str) and value.startswith(PREFIX)}
    return frozenset(counted | named)


def _names(family: str, kind: str) -> tuple[str, ...]:
    return tuple(family + part for part in {"counter": ("_total",), **PARTS}.get(kind, ("",)))


def _nothing_gives(spec: ServiceSpec, selector: Selector) -> Iterator[str]:
    """What to declare so that the series is there; nothing where something does."""
    name = selector.metric
    family = next((name.removesuffix(part) for part in PARTS["histogram"] if name.removesuffix(part) in MEASURED), name)
    if family not in MEASURED:
        yield f"{name} is told by burnline of itself: only a Prometheus that scrapes burnline has it"
        return
    if advice := missing(spec, family, selector.matchers):
        yield f"nothing in this file gives {name}: {advice}" + _unless(spec)
    elif said := _other_label(spec, selector):
        yield said


def _unless(spec: ServiceSpec) -> str:
    plain = any(isinstance(item, ScrapeSpec) and item.profile == "http" for item in spec.collect)
    return " (or a page of profile `http` shows it itself)" if plain else ""


def _other_label(spec: ServiceSpec, selector: Selector) -> str:
    """A value of a label that stands for something declared, and is the name of none."""
    part = selector.metric.split("_")[1]
    label, declared, where = {
        "business": (business.NUMBER, tuple(spec.business), "`business`"),
        "job": ("job", tuple(spec.jobs), "`jobs`"),
        "queue": ("queue", tuple(_queues(spec)), "`collect`"),
    }.get(part, ("", (), ""))
    for matcher in selector.matchers:
        if matcher.label == label and matcher.op == "=" and declared and matcher.value not in declared:
            near = did_you_mean(matcher.value, declared)
            return f'{selector.metric}: no {label} of {where} is called "{matcher.value}";{near}'.rstrip(";")
    return ""


def _queues(spec: ServiceSpec) -> Iterator[str]:
    return (item.queue.queue for item in spec.collect if isinstance(item, QueueSpec))
