"""Every incident's record as one link of a chain over all: how long it is, its last hash, and where it is broken."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from burnline.store.incidents import RELEASE
from burnline.store.schema import incident, timeline
from burnline.store.timeline import GENESIS, Entry, entries, first_broken


@dataclass(frozen=True, slots=True)
class Chain:
    """One record.

    Attributes:
        kind: `incident`, or `release`.
        hashes: of its entries, oldest first.
        broken: the first entry that was changed, or follows one that was removed.
    """

    incident_id: int
    service: str
    kind: str
    closed_at: datetime | None
    hashes: tuple[str, ...]
    broken: Entry | None

    @property
    def head(self) -> str:
        """The hash of the newest entry."""
        return self.hashes[-1] if self.hashes else GENESIS


def chains(tx: Connection) -> Iterator[Chain]:
    """Every record, in order of its incident; also one whose incident is no longer there."""
    known = {row.id: row for row in tx.execute(select(incident))}
    ids = {*known, *tx.scalars(select(timeline.c.incident_id).distinct())}
    for incident_id in sorted(ids):
        record = entries(tx, incident_id)
        row = known.get(incident_id)
        yield Chain(
            incident_id,
            row.service if row else "unknown",
            "release" if row and row.state == RELEASE else "incident",
            row.closed_at if row else None,
            tuple(entry.hash for entry in record),
            first_broken(record),
        )


def overall_head(found: Iterable[Chain]) -> str:
    """SHA-256 over `incident entries head` of each record, one a line, in order: no record can change or go unseen."""
    lines = (f"{each.incident_id} {len(each.hashes)} {each.head}\n" for each in found)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
