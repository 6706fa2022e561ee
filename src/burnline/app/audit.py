"""Whether anybody changed the record after it was written, and a head over all of it to keep somewhere else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from burnline.store.chains import Chain, chains, overall_head
from burnline.store.database import Database
from burnline.store.retention import Keep

log = logging.getLogger(__name__)


class Link(BaseModel):
    """One record as a head keeps it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    incident: int
    kind: str
    service: str
    entries: int
    head: str
    closed_at: AwareDatetime | None = None
    broken: str = ""


class Head(BaseModel):
    """What can be kept outside the database: the head over all records, and that of each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: AwareDatetime
    head: str
    records: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with one record."""

    incident: int
    text: str


def head_of(found: Sequence[Chain], now: datetime) -> Head:
    """The head of all records as they are now."""
    links = tuple(
        Link(
            incident=each.incident_id,
            kind=each.kind,
            service=each.service,
            entries=len(each.hashes),
            head=each.head,
            closed_at=each.closed_at,
            broken=each.broken,
        )
        for each in found
    )
    return Head(at=now, head=overall_head(found), records=links)


def flaws(found: Sequence[Chain], kept: Head | None, now: datetime) -> Iterator[Flaw]:
    """Every record that does not hold, by itself or against a head that was kept; the first flaw of each."""
    for each in found:
        if each.broken:
            yield Flaw(each.incident_id, each.broken)
    there = {each.incident_id: each for each in found}
    for link in kept.records if kept else ():
        if text := _changed(link, there.get(link.incident), now):
            yield Flaw(link.incident, text)


def _changed(link: Link, chain: Chain | None, now: datetime) -> str:
    """How a record differs from what was kept of it; empty when it only grew, or was old enough to be deleted."""
    if chain is None or not chain.hashes:
        old = link.closed_at is not None and link.closed_at < now - Keep().incidents
        return "" if old or not link.entries else f"is gone: it had {link.entries} entries when the head was kept"
    if len(chain.hashes) < link.entries:
        return f"lost {link.entries - len(chain.hashes)} of its {link.entries} entries since the head was kept"
    if link.entries and chain.hashes[link.entries - 1] != link.head:
        return f"is another one than the head was kept of: entry {link.entries} had the hash {link.head[:12]}"
    return ""


class Anchor:
    """Writes the head into the log once a day, so that it is kept where whoever changes the database does not reach."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def run_once(self, now: datetime) -> int:
        """Log the head of all records, and each record that is broken; returns how many records there are."""
        with self._db.read() as tx:
            found = list(chains(tx))
        for each in found:
            if each.broken:
                log.error("record broken", extra={"record": each.incident_id, "why": each.broken})
        about: Mapping[str, object] = {"head": overall_head(found), "records": len(found), "at": now.isoformat()}
        log.info("audit head", extra=dict(about))
        return len(found)
