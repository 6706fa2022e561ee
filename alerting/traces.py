"""Which traces an incident is about: those worth a look from before it opened, by their ids, on its record."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.store import timeline, traces
from burnline.store.incidents import Incident

BEFORE = timedelta(hours=1)
LINKED = "traces_linked"  # the type of the entry


def link_traces(tx: Connection, incident: Incident, began: datetime, now: datetime) -> None:
    """Put the newest errors and the slowest spans since an hour before `began` on record, where there are some."""
    since = min(began, now) - BEFORE
    found = traces.notable(tx, incident.service, since=since, until=now)
    if not found:
        return
    errors = sum(1 for each in found if each.kind == "error")
    parts = [f"{errors} with errors"] * bool(errors) + [f"{len(found) - errors} slow"] * (errors < len(found))
    timeline.append(
        tx,
        incident_id=incident.id,
        at=now,
        source="alerting",
        type=LINKED,
        text=f"traces to look at: {' and '.join(parts)}, since {since:%H:%M:%S} UTC",
        data={
            "from": since.isoformat(),
            "traces": [
                {
                    "trace_id": each.trace_id,
                    "span_id": each.span_id,
                    "kind": each.kind,
                    "name": each.name,
                    "seconds": round(each.duration, 9),
                    "at": each.at.isoformat(),
                }
                for each in found
            ],
        },
    )
