"""The door for jobs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from burnline.app.http.answers import service_of
from burnline.app.http.api import Parts
from burnline.app.http.door import door_router
from burnline.app.http.words import PLAIN, Labels
from burnline.collectors.jobs.facts import Facts
from burnline.collectors.jobs.runs import Event, Receipt, accept_event
from burnline.errors import PayloadWrong

Happened = Literal["started", "running", "finished", "failed", "aborted"]
Reason = Literal["error", "exit", "signal", "timeout", "out_of_memory", "data", "dependency", "gpu", "other"]
router = door_router()


class JobPosting(Facts):
    """What happened to one run of a job, and what it tells of itself; `at` left out is now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: Annotated[str, Field(max_length=63), PLAIN]
    job: Annotated[str, Field(min_length=1, max_length=200, pattern="^(_?[^_]|_$)"), PLAIN]
    run: Annotated[str, Field(min_length=1, max_length=200), PLAIN]
    event: Happened
    at: AwareDatetime | None = None
    reason: Reason | None = None
    labels: Labels = Field(default_factory=dict)


class Taken(BaseModel):
    """`accepted` is false when this was told before: it counts once. `state` is the run's now."""

    accepted: bool
    state: str
    warnings: list[str]


@router.post("/v1/jobs")
def jobs(body: JobPosting, app: Parts) -> Taken:
    """Take what happened to a run of a job; it is durable when this answers."""
    spec = service_of(app, body.service)
    if body.reason and body.event != "failed":
        raise PayloadWrong(f"reason: {body.reason} is no part of {body.event!r}; only a run that failed has one")
    now = app.clock()
    event = Event(
        body.service, body.job, body.run, body.event, body.at or now, body, reason=body.reason or "", labels=body.labels
    )
    return answer(accept_event(app.db, spec, event, now))


def answer(receipt: Receipt) -> Taken:
    """A receipt, as it is sent."""
    return Taken(accepted=receipt.accepted, state=receipt.state, warnings=list(receipt.warnings))
