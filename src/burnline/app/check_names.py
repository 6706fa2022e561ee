"""Names of burnline's own series in a service file: those that do not exist, and those that nothing declared gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from burnline import metrics
from burnline.collectors.profiles.load import all_profiles, load_profile
from burnline.metrics import business, cost, events, instruments, jobs
from burnline.metrics.measured import HISTOGRAMS, SUMMARIES, kind_of
from burnline.metrics.otlp import otlp_instruments
from burnline.metrics.register import MEASURED
from burnline.spec.collect import ScrapeSpec
from burnline.spec.host import host_of
from burnline.spec.place import Flaw, Place
from burnline.spec.queue import QueueSpec
from burnline.spec.selector import Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice, did_you_mean

PREFIX = "burnline_"
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
    scraped: set[str] = {item.profile for item in spec.collect if isinstance(item, ScrapeSpec)}
    if any(family in load_profile(profile).quantities for profile in scraped):
        return
    missing = _MISSING.get(family.split("_")[1], _of_profiles)(spec, family)
    if missing:
        yield f"nothing in this file gives {name}: {missing}" + _unless(scraped)
    elif said := _other_label(spec, selector):
        yield said


def _unless(scraped: set[str]) -> str:
    return " (or a page of profile `http` shows it itself)" if "http" in scraped else ""


def _of_profiles(spec: ServiceSpec, name: str) -> str:
    profiles = [profile for profile, each in all_profiles().items() if name in each.quantities]
    return f"write the `profile` of a page that does: {choice(profiles)}" if profiles else ""


def _gpu(spec: ServiceSpec, name: str) -> str:
    return "" if "gpu" in spec.collect else _instead("write `gpu` in `collect`", name)


def _host(spec: ServiceSpec, name: str) -> str:
    return "" if host_of(spec.collect) else _instead("write `host` in `collect`", name)


def _queue(spec: ServiceSpec, name: str) -> str:
    watched = any(isinstance(item, QueueSpec) for item in spec.collect)
    return "" if watched else _instead("write a `queue` in `collect`", name)


def _instead(here: str, name: str) -> str:
    profiles = [profile for profile, each in all_profiles().items() if name in each.quantities]
    return f"{here}, or scrape an exporter's page with `profile: {choice(profiles)}`" if profiles else here


def _job(spec: ServiceSpec, name: str) -> str:
    if not spec.jobs:
        return "write the job under `jobs`; it is there once the job tells of a run"
    if name == jobs.OVERDUE and not any(job.every for job in spec.jobs.values()):
        return "write `every` at the job: by when it must have succeeded again"
    if name == jobs.DATA_LAG and not any(job.behind for job in spec.jobs.values()):
        return "write `behind` at the job: whose data it copies"
    return ""


def _business(spec: ServiceSpec, name: str) -> str:
    kind = "counter" if name == business.TOTAL else "gauge"
    posted = any(number.posted == kind for number in spec.business.values())
    return "" if posted else f"write a number under `business` with `posted: {kind}`"


def _cost(spec: ServiceSpec, name: str) -> str:
    if spec.cost is None:
        return "write `cost` with the price of a GPU's hour"
    if name == cost.SAVED and spec.cost.cache_hits is None:
        return "write `cost.cache_hits`: the counter of answers from the cache"
    read = "gpu" in spec.collect
    if not read and (name == cost.IDLE or spec.cost.gpus is None):
        return "write `gpu` in `collect`, or how many serve: `cost.gpus`" if name != cost.IDLE else _gpu(spec, name)
    return ""


def _release(spec: ServiceSpec, name: str) -> str:
    told = spec.model is not None and spec.model.version is not None
    return "" if told else "write `model.version`: where the version that serves is seen"


def _events(spec: ServiceSpec, name: str) -> str:
    declared = spec.model is not None and spec.model.schema_ is not None
    return "write `model.schema`: what the features may be" if name == events.VIOLATIONS and not declared else ""


def _posted(spec: ServiceSpec, name: str) -> str:
    """What comes by the doors without being declared."""
    return ""


def _answers(spec: ServiceSpec, name: str) -> str:
    on = spec.telemetry.content and spec.telemetry.content.sample
    return "" if on else "write `content: {sample: 10%}` in `telemetry`, which has the texts of answers looked at"


_MISSING: Mapping[str, Callable[[ServiceSpec, str], str]] = {
    "gpu": _gpu,
    "host": _host,
    "queue": _queue,
    "job": _job,
    "business": _business,
    "cost": _cost,
    "release": _release,
    "events": _events,
    "answers": _answers,
    **dict.fromkeys(("labelled", "labels", "genai", "otlp", "security", "predictions"), _posted),
}


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
