"""What came in from outside: committed here before it is acknowledged, worked on later, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from sqlalchemy import Connection, delete, func, insert, select, update

from burnline.store.schema import inbox

ALERTS = "alerts"
PREDICTIONS = "predictions"
LABELS = "labels"
ANSWERS = "answers"
SAMPLES = "samples"
BATCHES = (PREDICTIONS, LABELS, ANSWERS, SAMPLES)  # what detectors count, one kind for each source
KINDS = (ALERTS, *BATCHES)
BATCH = "application/vnd.burnline.predictions.v1+msgpack"  # the content type of BATCHES
_ACCEPT = insert(inbox).returning(inbox.c.id)  # built once: this is the hot path of every door


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One accepted body, as it came."""

    id: int
    kind: str
    source: str
    content_type: str
    received_at: datetime
    body: bytes


def accept(tx: Connection, *, kind: str, source: str, body: bytes, now: datetime, content_type: str = "") -> int:
    """Keep `body` and return its id; ids grow in commit order because there is one writer."""
    row = {"kind": kind, "source": source, "content_type": content_type, "received_at": now, "body": body}
    return int(tx.execute(_ACCEPT, row).scalar_one())


def waiting(tx: Connection, kind: str, limit: int, most_bytes: int | None = None) -> list[InboxRow]:
    """The oldest rows of `kind` on which no work was done yet.

    With `most_bytes` no more than have bodies of so many together, but one at least.
    """
    columns = (inbox.c.id, inbox.c.kind, inbox.c.source, inbox.c.content_type, inbox.c.received_at, inbox.c.body)
    new = (inbox.c.kind == kind, inbox.c.state == "new")
    if most_bytes is not None:
        sizes = select(func.length(inbox.c.body)).where(*new).order_by(inbox.c.id).limit(limit)
        sums = accumulate(tx.scalars(sizes))
        limit = max(1, sum(so_far <= most_bytes for so_far in sums))
    rows = tx.execute(select(*columns).where(*new).order_by(inbox.c.id).limit(limit))
    return [InboxRow(*row) for row in rows]


def mark_done(tx: Connection, *row_ids: int) -> set[int]:
    """The work on these rows is committed together with this mark; returns those that were still new, and are ours."""
    these = update(inbox).where(inbox.c.id.in_(row_ids), inbox.c.state == "new")
    return set(tx.scalars(these.values(state="done").returning(inbox.c.id)))


def mark_dead(tx: Connection, row_id: int, error: str) -> bool:
    """Quarantine a new row that can never be worked on, with the reason; false when it was not new any more."""
    this = update(inbox).where(inbox.c.id == row_id, inbox.c.state == "new")
    return tx.execute(this.values(state="dead", error=error[:2000])).rowcount == 1


def forget_upto(tx: Connection, kind: str, row_id: int) -> int:
    """Delete consumed rows of `kind` up to and with `row_id`; dead ones stay. Returns how many went."""
    gone = tx.execute(delete(inbox).where(inbox.c.kind == kind, inbox.c.id <= row_id, inbox.c.state != "dead"))
    return gone.rowcount


def oldest_waiting(tx: Connection) -> dict[str, datetime]:
    """When the oldest row of each kind that waits for work came in."""
    waits = (inbox.c.kind.in_(KINDS), inbox.c.state == "new")
    query = select(inbox.c.kind, func.min(inbox.c.received_at)).where(*waits).group_by(inbox.c.kind)
    return {str(kind): at for kind, at in tx.execute(query)}


def depth(tx: Connection) -> dict[tuple[str, str], int]:
    """Rows per (kind, state) that wait for work or for a person; counting those done with would be slow."""
    some = (inbox.c.kind.in_(KINDS), inbox.c.state.in_(("new", "dead")))
    query = select(inbox.c.kind, inbox.c.state, func.count()).where(*some).group_by(inbox.c.kind, inbox.c.state)
    return {(kind, state): count for kind, state, count in tx.execute(query)}
