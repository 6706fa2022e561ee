"""The door for OpenLineage."""

from __future__ import annotations

from typing import Any

from burnline.app.http.api import Parts
from burnline.app.http.door import Door, door_router
from burnline.app.http.jobs import Taken, answer
from burnline.collectors.jobs.lineage import happened, place_of, read_event
from burnline.collectors.jobs.runs import accept_event

PATHS = ("/v1/lineage", "/api/v1/lineage")  # the second is where OpenLineage's clients send to
NOBODYS = "no service file names this job (jobs.<name>.lineage), and no service is called like its namespace"


class LineageDoor(Door):
    """Takes larger bodies: an event may tell the schemas of many tables."""

    limit_bytes = 4 * 1024 * 1024


router = door_router(LineageDoor)


@router.post(PATHS[0])
@router.post(PATHS[1], operation_id="lineage_of_clients")
def lineage(body: dict[str, Any], app: Parts) -> Taken:
    """Take an OpenLineage event; one of a job that is nobody's is answered, counted, and not kept."""
    event = read_event(body)
    counted = app.instruments.lineage_events
    if event is None:
        counted.labels("no_run").inc()
        return Taken(accepted=False, state="", warnings=["tells of no run: nothing was kept"])
    place = place_of(event, app.specs)
    if place is None:
        counted.labels("no_job").inc()
        return Taken(accepted=False, state="", warnings=[NOBODYS])
    now = app.clock()
    receipt = accept_event(app.db, place.spec, happened(event, place, now), now)
    counted.labels("kept" if receipt.accepted else "repeated").inc()
    return answer(receipt)
