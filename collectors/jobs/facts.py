"""What a job may tell of one of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from burnline.spec.jobs import RECORD
from burnline.spec.text import PLAIN

Count = Annotated[int, Field(ge=0, le=2**53, strict=True)]
Seconds = Annotated[float, Field(ge=0, le=1e10, strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Short = Annotated[str, Field(max_length=200), PLAIN]
Line = Annotated[str, Field(max_length=2000), PLAIN]
Cause = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]
Pieces = Annotated[dict[Short, Line | Real | bool | None], Field(max_length=200)]
Seed = Annotated[int, Field(ge=-(2**63), le=2**64, strict=True)]


class Record(BaseModel):
    """What it takes to repeat a run: code, data, environment, seeds, and what came out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    commit: Short = ""
    data: Line | Annotated[list[Line], Field(max_length=200)] | Pieces = ""
    environment: Line | Pieces = ""
    seeds: Seed | Annotated[list[Seed], Field(max_length=200)] | Annotated[dict[Short, Seed], Field(max_length=200)] = (
        Field(default_factory=list)
    )
    metrics: Annotated[dict[Short, Real], Field(max_length=200)] = Field(default_factory=dict)


class Facts(BaseModel):
    """Each part is optional: what is not told is not known, and what is told later replaces what was told before.

    Attributes:
        waited_seconds: before the run began, as for a GPU.
        duration_seconds: on the sender's own clock; left out, it is the time from `started` to the end.
        gpus: used all the time; `gpu_seconds` says it exactly.
        nulls: the share of nulls, by column.
        retries: tries again, by cause.
        data_as_of: how new the data is that the run delivered.
        max_duration_seconds: a run that has not ended by then is given up.
        message: why it failed, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    waited_seconds: Seconds | None = None
    duration_seconds: Seconds | None = None
    gpus: Annotated[float, Field(ge=0, le=1e6, strict=True, allow_inf_nan=False)] | None = None
    gpu_seconds: Annotated[float, Field(ge=0, le=1e15, strict=True, allow_inf_nan=False)] | None = None
    rows_in: Count | None = None
    rows_out: Count | None = None
    rejected: Count | None = None
    schema_violations: Count | None = None
    nulls: Annotated[dict[Short, Share], Field(max_length=1000)] = Field(default_factory=dict)
    retries: Annotated[dict[Cause, Count], Field(max_length=20)] = Field(default_factory=dict)
    data_as_of: AwareDatetime | None = None
    max_duration_seconds: Seconds | None = None
    record: Record = Record()
    message: Line = ""


def told(facts: Facts) -> dict[str, Any]:
    """What was told, as JSON: nothing of what was not."""
    kept: dict[str, Any] = facts.model_dump(mode="json", include=set(Facts.model_fields), exclude_defaults=True)
    return kept


def merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is known once `after` was told too; records are put together part by part."""
    both = {**before, **after}
    if record := {**before.get("record", {}), **after.get("record", {})}:
        both["record"] = record
    return both


def missing(facts: Facts) -> list[str]:
    """The parts of the record that were not told."""
    return [part for part in RECORD if getattr(facts.record, part) in ("", [], {})]
