"""What one field cannot know: names used twice, references to nothing, values that fit no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from burnline.spec.binding import RunbookBinding
from burnline.spec.collect import ScrapeSpec
from burnline.spec.host import HostSpec
from burnline.spec.place import Flaw, Place, dotted
from burnline.spec.queue import QueueSpec
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import SignalsSpec
from burnline.spec.slo import SloSpec
from burnline.spec.telemetry import SPAN_DURATION, check_telemetry
from burnline.spec.units import format_duration
from burnline.spec.words import choice, did_you_mean, shown

SHORTEST_PERIOD = timedelta(hours=1)
LONGEST_PERIOD = timedelta(days=366)
_LOOK_EVERY = (timedelta(seconds=1), timedelta(hours=1))
_SCRAPE_EVERY = (timedelta(milliseconds=100), timedelta(hours=1))
_LATENESS = (timedelta(seconds=1), timedelta(days=1))
_FUTURE = (timedelta(0), timedelta(days=1))
_KEEP = (timedelta(minutes=1), timedelta(days=400))
COMPARED = (
    "drift",
    "prediction",
    "confidence",
    "outliers",
    "estimate",
    "embedding",
    "calibration",
    "performance",
)  # with a reference
_SIGNAL_WINDOW = (timedelta(seconds=1), timedelta(days=7))
_SLICE = (timedelta(seconds=1), timedelta(hours=6))
SLICED = ("ratio", "latency", "signal", "promql", "same_as")
_HOOK_TIMEOUT = (timedelta(milliseconds=100), timedelta(hours=1))


def check(spec: ServiceSpec) -> Iterator[Flaw]:
    """Every flaw of a service that its shape alone does not show."""
    yield from _escalation(spec)
    yield from _collect(spec)
    yield from check_telemetry(spec.telemetry, ("telemetry",))
    yield from _events(spec)
    yield from _signals(spec)
    for index, slo in enumerate(spec.slos):
        yield from _slo(spec, slo, ("slos", index))
    yield from _twice(((("slos", index, "name"), slo.name) for index, slo in enumerate(spec.slos)), "name")
    for index, exclusion in enumerate(spec.exclude):
        for at, name in enumerate(exclusion.slos):
            yield from _known(("exclude", index, "slos", at), name, [slo.name for slo in spec.slos], "SLO")
    yield from _twice(
        ((("budget_policy", index, "do"), step.do) for index, step in enumerate(spec.budget_policy)), "step"
    )
    yield from _hooks(spec)
    for index, binding in enumerate(spec.runbooks):
        yield from _binding(spec, binding, ("runbooks", index))
    bound = ((("runbooks", index), (item.run, item.on.model_dump_json())) for index, item in enumerate(spec.runbooks))
    yield from _twice(bound, "binding")


def _escalation(spec: ServiceSpec) -> Iterator[Flaw]:
    told = {*spec.escalation.heard(), *(["page"] if spec.escalation.chain else [])}
    for severity in spec.escalation.hours:
        if severity not in told:
            place = ("escalation", "hours", severity)
            yield Flaw(place, f"nobody is told of it; name receivers in escalation.{severity}, or take this out")


def configured_signals(signals: SignalsSpec) -> tuple[str, ...]:
    """Names of the signals the service asks for."""
    return tuple(signals.sections())


def _collect(spec: ServiceSpec) -> Iterator[Flaw]:
    items = [(("collect", index), item) for index, item in enumerate(spec.collect)]
    for place, item in items:
        if isinstance(item, ScrapeSpec):
            yield from _between((*place, "interval"), item.interval, _SCRAPE_EVERY)
        elif isinstance(item, QueueSpec):
            yield from _between((*place, "queue", "interval"), item.queue.interval, _LOOK_EVERY)
    here = [(place, "host" if isinstance(item, HostSpec) else item) for place, item in items]
    yield from _twice(((place, item) for place, item in here if isinstance(item, str)), "collector")
    yield from _twice((((*place, "url"), item.url) for place, item in items if isinstance(item, ScrapeSpec)), "url")
    queues = [((*place, "queue"), item.queue) for place, item in items if isinstance(item, QueueSpec)]
    yield from _twice(((place, queue.title) for place, queue in queues), "queue")


def _events(spec: ServiceSpec) -> Iterator[Flaw]:
    events = spec.events
    if events.lateness is not None:
        yield from _between(("events", "lateness"), events.lateness, _LATENESS)
    yield from _between(("events", "future"), events.future, _FUTURE)
    yield from _between(("events", "keep"), events.keep, _KEEP)
    yield from _between(("events", "label_wait"), events.label_wait, _KEEP)


def _signals(spec: ServiceSpec) -> Iterator[Flaw]:
    signals = spec.signals
    for name, section in signals.sections().items():
        place = ("signals", "custom", name) if name in signals.custom else ("signals", name)
        yield from _between((*place, "window"), section.window, _SIGNAL_WINDOW)
    if spec.model and spec.model.reference:
        return
    if signals.training_skew and signals.training_skew.reference is None:
        message = "compares with the profile of the training data; name it: `reference: profiles/training.json`"
        yield Flaw(("signals", "training_skew"), message)
    needy = [name for name in COMPARED if getattr(signals, name)]
    if signals.data and not (spec.model and spec.model.schema_):
        needy.append("data")
    for name in needy:
        instead = ", or declare the features in model.schema" if name == "data" else ""
        yield Flaw(
            ("signals", name), f"compares with a reference; add model.reference (see `burnline profile`){instead}"
        )


def _slo(spec: ServiceSpec, slo: SloSpec, place: Place) -> Iterator[Flaw]:
    if isinstance(slo.window, timedelta):
        yield from _between((*place, "window"), slo.window, (SHORTEST_PERIOD, LONGEST_PERIOD))
    if slo.sli.throughput:
        yield from _between((*place, "sli", "throughput", "per"), slo.sli.throughput.per, _SLICE)
    if slo.slices:
        yield from _slices(slo, (*place, "slices"))
    if slo.sli.composite:
        yield from _composite(spec, slo, (*place, "sli", "composite"))
    yield from _tiers(slo, (*place, "tiers"))
    yield from _depends_on(spec, slo, (*place, "depends_on"))
    if slo.sli.latency and not slo.sli.latency.below:
        yield Flaw(
            (*place, "sli", "latency", "below"), "is 0s, which every event is over; write a bucket bound, as in 250ms"
        )
    if slo.sli.latency:
        yield from _span_bound(spec, slo, (*place, "sli", "latency", "below"))
    if slo.sli.signal:
        yield from _known((*place, "sli", "signal"), slo.sli.signal, configured_signals(spec.signals), "signal")
    if slo.sli.same_as:
        yield from _same_as(spec, slo, slo.sli.same_as, (*place, "sli", "same_as"))


def _span_bound(spec: ServiceSpec, slo: SloSpec, place: Place) -> Iterator[Flaw]:
    """Of the one histogram whose buckets the service file sets, the threshold can be checked here."""
    latency, bounds = slo.sli.latency, spec.telemetry.durations
    if latency and latency.histogram.metric == SPAN_DURATION and latency.below not in bounds:
        accepted = choice([format_duration(each) for each in bounds])
        yield Flaw(place, f"is {format_duration(latency.below)}, no bound of telemetry.durations; accepted: {accepted}")


def _slices(slo: SloSpec, place: Place) -> Iterator[Flaw]:
    slices = slo.slices
    if slices and slo.sli.kind not in SLICED:
        yield Flaw(place, f"has no meaning for an SLI of kind {slo.sli.kind}; accepted: {choice(SLICED)}")
    elif slices:
        yield from _between((*place, "length"), slices.length, _SLICE)


def _composite(spec: ServiceSpec, slo: SloSpec, place: Place) -> Iterator[Flaw]:
    composite = slo.sli.composite
    if composite is None:
        return
    place = (*place, composite.kind)
    others = [other.name for other in spec.slos if other.name != slo.name and not _taken_together(spec, other)]
    for name in composite.weights:
        other = spec.slo(name)
        if name == slo.name:
            yield Flaw(place, f"holds this SLO itself; {_accepted(others, 'other SLO')}")
        elif other and _taken_together(spec, other):
            yield Flaw(place, f"{name!r} is composite or promql itself; {_accepted(others, 'other SLO')}")
        else:
            yield from _known(place, name, others, "SLO")
    members = composite.worst_of or composite.all_of or ()
    yield from _twice(((place, name) for name in members), "SLO")


def _taken_together(spec: ServiceSpec, slo: SloSpec) -> bool:
    other = spec.slo(slo.sli.same_as) if slo.sli.same_as else slo
    return other is not None and (other.sli.composite is not None or other.sli.promql is not None)


def _tiers(slo: SloSpec, place: Place) -> Iterator[Flaw]:
    named = [
        ((*place, index), item if isinstance(item, str) else item.name) for index, item in enumerate(slo.tiers or ())
    ]
    yield from _twice(named, "tier")


def _depends_on(spec: ServiceSpec, slo: SloSpec, place: Place) -> Iterator[Flaw]:
    names = [other.name for other in spec.slos if other.name != slo.name]
    for index, written in enumerate(slo.depends_on):
        service, _, name = written.rpartition("/")
        if service in ("", spec.service) and name == slo.name:
            yield Flaw((*place, index), f"is this SLO itself; {_accepted(names, 'other SLO')}")
        elif service in ("", spec.service):
            yield from _known((*place, index), name, names, "SLO")


def _same_as(spec: ServiceSpec, slo: SloSpec, name: str, place: Place) -> Iterator[Flaw]:
    others = [other.name for other in spec.slos if other.name != slo.name and not other.sli.same_as]
    other = spec.slo(name)
    if name == slo.name:
        yield Flaw(place, f"is this SLO itself; {_accepted(others, 'other SLO')}")
    elif other and other.sli.same_as:
        yield Flaw(place, f"{name!r} is itself the same as {other.sli.same_as!r}; name that one")
    elif not other:
        yield from _known(place, name, others, "SLO")


def _hooks(spec: ServiceSpec) -> Iterator[Flaw]:
    for place, hook in spec.hooks():
        if (timeout := getattr(getattr(hook, hook.kind), "timeout", None)) is not None:
            yield from _between((*place, hook.kind, "timeout"), timeout, _HOOK_TIMEOUT)


def _binding(spec: ServiceSpec, binding: RunbookBinding, place: Place) -> Iterator[Flaw]:
    on = binding.on
    if on.slo:
        yield from _known((*place, "on", "slo"), on.slo, [slo.name for slo in spec.slos], "SLO")
    if on.signal:
        yield from _known((*place, "on", "signal"), on.signal, configured_signals(spec.signals), "signal")
        if on.severity == "page":
            yield Flaw(
                (*place, "on", "severity"), "is 'page'; alarms of signals are tickets, so this would never start"
            )


def _between(place: Place, value: timedelta, limits: tuple[timedelta, timedelta]) -> Iterator[Flaw]:
    shortest, longest = limits
    if not shortest <= value <= longest:
        accepted = f"{format_duration(shortest)} to {format_duration(longest)}"
        yield Flaw(place, f"is {format_duration(value)}; accepted: {accepted}")


def _known(place: Place, name: str, names: Sequence[str], noun: str) -> Iterator[Flaw]:
    if name not in names:
        hint = did_you_mean(name, names)
        yield Flaw(
            place, f"{name!r} is no {noun} of this service; {_accepted(names, noun)}{';' + hint if hint else ''}"
        )


def _accepted(names: Sequence[str], noun: str) -> str:
    return f"accepted: {choice(names)}" if names else f"it has no {noun}"


def _twice(named: Iterable[tuple[Place, object]], noun: str) -> Iterator[Flaw]:
    first: dict[object, Place] = {}
    for place, name in named:
        if name in first:
            what = f" {shown(name)}" if isinstance(name, str) else ""
            yield Flaw(place, f"the {noun}{what} is used twice; first at {dotted(first[name])}")
        first.setdefault(name, place)
