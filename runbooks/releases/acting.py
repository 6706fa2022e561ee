"""How a release changes anything: by a run of a runbook, as everything else does. There is no second way of acting.

A run brings the lease, the epoch, the idempotency key, the kill switch, the target's lock and the proof on the SLI; it
is asked for in the transaction that changes the release's state, so a kill in between leaves both or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from burnline.errors import ActionError
from burnline.events import AlertEvent, Outcome, RunRequest, RunState, StepState
from burnline.metrics import SERVICE, SLO
from burnline.runbooks.params import Scalar
from burnline.spec.release import ReleaseSpec
from burnline.store import incidents, runs
from burnline.store.incidents import CLOSED
from burnline.store.rollouts import Rollout

# runbooks of the library
ABORT, ABORT_TRAFFIC, TRAFFIC = "release-abort", "release-abort-traffic", "release-traffic"
ALL, NONE = "100", "0"
JUDGED = (Outcome.RECOVERED, Outcome.NOT_RECOVERED, Outcome.NO_DATA, Outcome.WORSE)


class RunbookText(Protocol):
    """What a run keeps of the runbook it was started with."""

    @property
    def digest(self) -> str: ...

    @property
    def body(self) -> str: ...


class RunbookSource(Protocol):
    """Where runbooks are found by id."""

    def get(self, runbook_id: str, /) -> RunbookText | None: ...


def request(
    tx: Connection, books: RunbookSource, of: Rollout, runbook: str, params: Mapping[str, Scalar], now: datetime
) -> int:
    """Queue the run that acts for a release; returns its id. Raises: ActionError when there is no such runbook."""
    if (book := books.get(runbook)) is None:
        raise ActionError(f"runbook {runbook} is not in the catalogue", permanent=True)
    labels = {"alertname": "Release", SERVICE: of.service, "release": str(of.id), **_proved_on(of)}
    alert = AlertEvent("release", f"release-{of.id}-{of.epoch}", CLOSED, labels, {}, now, now)
    episode = incidents.start_episode(tx, alert, incident_id=of.incident_id, service=of.service, now=now)
    asked = RunRequest(
        service=of.service,
        runbook=runbook,
        episode_id=episode.id,
        incident_id=of.incident_id,
        approval="none",
        params=dict(params),
    )
    run_id = runs.request_run(tx, asked, digest=book.digest, body=book.body, now=now)
    if run_id is None:
        raise ActionError(f"episode {episode.id} has a run of {runbook} already", permanent=True)
    return run_id


def _proved_on(of: Rollout) -> dict[str, str]:
    """The SLO on which the run proves that it helped: the first that a guard reads."""
    slos = [guard["sli"] for guard in of.plan["release"].get("guards", ()) if "sli" in guard]
    return {SLO: slos[0]} if slos else {}


def way_back(of: Rollout, release: ReleaseSpec) -> tuple[str, dict[str, Scalar]] | None:
    """The runbook that takes a release back, and its parameters; None when there is nothing to set."""
    hook = release.traffic_hook
    if hook is not None and of.previous:
        return ABORT_TRAFFIC, {"hook": hook, "to": of.previous}
    if hook is not None:
        return TRAFFIC, {"hook": hook, "to": NONE}
    return (ABORT, {"to": of.previous}) if of.previous and release.strategy != "shadow" else None


def takes_back(tx: Connection, run_id: int) -> bool:
    """Whether this run takes a release back, or was at work for something else when that was decided."""
    run = runs.get_run(tx, run_id)
    return run is None or run.runbook != TRAFFIC or run.params.get("to") == NONE


def ended(tx: Connection, run_id: int) -> tuple[Outcome, bool] | None:
    """How a run ended, and whether everything is as it was to make it; None while it is at work."""
    run = runs.get_run(tx, run_id)
    if run is None:
        return Outcome.FAILED, False
    if run.state is not RunState.FINISHED:
        return None
    acts = {row.n: row.state for row in runs.steps(tx, run_id) if row.kind == "act"}  # the last attempt of each
    # skipped and yet judged: it was there already
    made = [each is StepState.DONE or (each is StepState.SKIPPED and run.outcome in JUDGED) for each in acts.values()]
    return run.outcome or Outcome.FAILED, bool(made) and all(made)
