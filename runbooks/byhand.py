"""A runbook that a person starts: on the record like an alert's, and never approved by the same person."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from burnline.errors import DecisionRefused
from burnline.events import AlertEvent, RunRequest
from burnline.metrics import OWNER, SERVICE, SLO
from burnline.runbooks.load import Recipe
from burnline.runbooks.params import Scalar, resolve
from burnline.spec.service import ServiceSpec
from burnline.store import incidents, runs, timeline
from burnline.store.database import Database

SOURCE = "person"
ALERT = "StartedByHand"
REQUESTED_BY = "requested_by"  # a label of the episode that a person makes


def start_by_hand(
    db: Database,
    spec: ServiceSpec,
    recipe: Recipe,
    *,
    actor: str,
    params: Mapping[str, Scalar],
    slo: str,
    reason: str,
    now: datetime,
) -> int:
    """Ask for a run, as an alert would; returns its number.

    It has the approval that the service's binding of the runbook has; without a binding, one person must say yes.

    Args:
        params: values that win over the binding's.
        slo: the SLO on which the run is proved; empty: what the runbook says.

    Raises: DecisionRefused for parameters that do not fit, an SLO that is none, or a run that is at work already.
    """
    binding = next((each for each in spec.runbooks if each.run == recipe.runbook.id), None)
    given: dict[str, Scalar] = {**(binding.params if binding else {}), **params}
    if slo and spec.slo(slo) is None:
        raise DecisionRefused(f"{spec.service} has no SLO {slo!r}")
    try:
        resolve(recipe.runbook.params, given, {})
    except ValueError as error:
        raise DecisionRefused(f"{recipe.runbook.id}: {error}") from error
    labels = {"alertname": ALERT, SERVICE: spec.service, OWNER: spec.owner, REQUESTED_BY: actor}
    labels |= {SLO: slo} if slo else {}

    def start(tx: Connection) -> int:
        incident = incidents.open_incident(tx, spec.service)
        title = f"{recipe.runbook.id} started by hand"
        incident = incident or incidents.start_incident(tx, service=spec.service, title=title, now=now)
        if (at_work := incidents.open_run_of(tx, incident.id, recipe.runbook.id)) is not None:
            raise DecisionRefused(f"run {at_work} of {recipe.runbook.id} is at work already")
        name = f"{actor} {recipe.runbook.id} {now.isoformat()}"
        fingerprint = hashlib.sha256(name.encode()).hexdigest()[:16]
        alert = AlertEvent(SOURCE, fingerprint, "resolved", labels, {"summary": title}, now, now)
        episode = incidents.start_episode(tx, alert, incident_id=incident.id, service=spec.service, now=now)
        wanted = RunRequest(
            service=spec.service,
            runbook=recipe.runbook.id,
            episode_id=episode.id,
            incident_id=incident.id,
            approval=binding.approval if binding else "one",
            params=given,
            approvers=dict(binding.approvers) if binding else {},
        )
        run_id = runs.request_run(tx, wanted, digest=recipe.digest, body=recipe.body, now=now)
        if run_id is None:
            raise DecisionRefused(f"{recipe.runbook.id} was asked for at this very moment already")
        why = f": {reason}" if reason else ""
        timeline.append(
            tx,
            incident_id=incident.id,
            at=now,
            source=SOURCE,
            actor=actor,
            type="run_requested",
            text=f"{actor} started runbook {recipe.runbook.id} as run {run_id}{why}",
            data={"run": run_id},
        )
        return run_id

    return db.write(start)
