"""OpenLineage run events, as its clients send them, read as what happened to a run of a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from burnline.collectors.jobs.facts import Facts, Short
from burnline.collectors.jobs.runs import ABORTED, FAILED, FINISHED, RUNNING, STARTED, Event
from burnline.errors import PayloadWrong
from burnline.spec.bodies import flaws, on_one_line
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice, did_you_mean, shown

KINDS = {"START": STARTED, "RUNNING": RUNNING, "COMPLETE": FINISHED, "FAIL": FAILED, "ABORT": ABORTED, "OTHER": RUNNING}
_MOMENT = TypeAdapter(AwareDatetime)
_LARGEST = 2**53
Facets = Mapping[str, Any]


class _Named(BaseModel):
    namespace: Annotated[Short, Field(min_length=1)]
    name: Annotated[Short, Field(min_length=1)]
    facets: dict[str, Any] | None = None


class _Dataset(_Named):
    inputFacets: dict[str, Any] | None = None
    outputFacets: dict[str, Any] | None = None


class _Run(BaseModel):
    runId: Annotated[Short, Field(min_length=1)]
    facets: dict[str, Any] | None = None


class RunEvent(BaseModel):
    """The parts that are read; all others are left alone, as the specification asks of consumers."""

    eventTime: AwareDatetime
    eventType: str = "OTHER"
    run: _Run
    job: _Named
    inputs: list[_Dataset] | None = None
    outputs: list[_Dataset] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Whose job it is."""

    spec: ServiceSpec
    job: str


def read_event(found: Mapping[str, Any]) -> RunEvent | None:
    """The run event in a body; None for events of datasets and jobs alone, which tell of no run.

    Raises: PayloadWrong naming what is wrong.
    """
    if "run" not in found and ("dataset" in found or "job" in found):
        return None
    try:
        event = RunEvent.model_validate(found)
    except ValidationError as error:
        raise PayloadWrong(on_one_line(flaws(error.errors(include_url=False), found, RunEvent))) from error
    if event.eventType.upper() not in KINDS:
        hint = did_you_mean(event.eventType, KINDS)
        said = f"eventType: is {shown(event.eventType)}; accepted: {choice(KINDS)}"
        raise PayloadWrong(said + (f";{hint}" if hint else ""))
    return event


def place_of(event: RunEvent, specs: Iterable[ServiceSpec]) -> Place | None:
    """The job that a service file gives this name, or one of the service that the namespace is called like."""
    whole = f"{event.job.namespace}/{event.job.name}"
    for spec in specs:
        for name, job in spec.jobs.items():
            if job.lineage == whole:
                return Place(spec, name)
        if spec.service == event.job.namespace:
            return Place(spec, event.job.name)
    return None


def happened(event: RunEvent, place: Place, now: datetime) -> Event:
    """The event in burnline's words; a clock ahead of ours is set back to it."""
    kind = KINDS[event.eventType.upper()]
    at = min(event.eventTime, now)
    return Event(
        place.spec.service,
        place.job,
        event.run.runId,
        kind,
        at,
        _facts(event, kind, at),
        lineage=bool(event.inputs or event.outputs),
    )


def _facts(event: RunEvent, kind: str, at: datetime) -> Facts:
    inputs, outputs = event.inputs or [], event.outputs or []
    quality = [
        _facet(each.inputFacets, "dataQualityMetrics") or _facet(each.facets, "dataQualityMetrics") for each in inputs
    ]
    read = [
        _count(_facet(each.inputFacets, "inputStatistics").get("rowCount")) or _count(told.get("rowCount"))
        for each, told in zip(inputs, quality, strict=True)
    ]
    written = [_count(_facet(each.outputFacets, "outputStatistics").get("rowCount")) for each in outputs]
    asserted = [
        _facet({**(each.inputFacets or {}), **(each.facets or {})}, "dataQualityAssertions")
        for each in (*inputs, *outputs)
    ]
    message = str(_facet(event.run.facets, "errorMessage").get("message") or "")
    told = {
        "rows_in": _sum(read),
        "rows_out": _sum(written),
        "schema_violations": _violations(asserted),
        "nulls": dict(_nulls(quality)),
        "data_as_of": _as_of(event, at) if kind == FINISHED else None,
        "record": _record(event, inputs),
        "message": _clean(message, 2000),
    }
    return Facts.model_validate({name: value for name, value in told.items() if value not in (None, {}, "")})


def _facet(facets: Facets | None, name: str) -> Mapping[str, Any]:
    found = (facets or {}).get(name)
    return found if isinstance(found, dict) else {}


def _count(value: Any) -> int | None:
    number = isinstance(value, int) and not isinstance(value, bool)
    return value if number and 0 <= value <= _LARGEST else None


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return min(sum(known), _LARGEST) if known else None


def _violations(facets: Sequence[Mapping[str, Any]]) -> int | None:
    """Assertions that failed; None where none was made."""
    made = [each for facet in facets for each in _list(facet.get("assertions")) if isinstance(each, dict)]
    return sum(each.get("success") is False for each in made) if made else None


def _nulls(facets: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    worst: dict[str, float] = {}
    for facet in facets:
        rows, columns = _count(facet.get("rowCount")), facet.get("columnMetrics")
        for name, told in columns.items() if rows and isinstance(columns, dict) else ():
            nulls = _count(told.get("nullCount")) if isinstance(told, dict) else None
            if nulls is not None and rows:
                column = _clean(name, 200)
                worst[column] = max(worst.get(column, 0.0), min(1.0, nulls / rows))
    yield from sorted(worst.items(), key=lambda item: -item[1])[:1000]


def _as_of(event: RunEvent, at: datetime) -> datetime | None:
    """The end of the time that the run was for, not later than the run itself."""
    nominal = _facet(event.run.facets, "nominalTime")
    try:
        return min(_MOMENT.validate_python(nominal.get("nominalEndTime") or nominal.get("nominalStartTime")), at)
    except ValidationError:
        return None


def _record(event: RunEvent, inputs: Sequence[_Dataset]) -> dict[str, Any]:
    code = _facet(event.job.facets, "sourceCodeLocation")
    commit = code.get("version") or code.get("tag")
    data = {
        _clean(f"{each.namespace}/{each.name}", 200): _clean(
            str(_facet(each.facets, "version").get("datasetVersion") or ""), 200
        )
        for each in inputs[:200]
    }
    told = {"commit": _clean(commit, 200) if isinstance(commit, str) else "", "data": data}
    return {name: value for name, value in told.items() if value}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _clean(text: str, most: int) -> str:
    """What a database takes of it."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()[:most]
