"""Every incident's record as one link of a chain over all: how long it is, its last hash, and where it is broken.

Whoever changed a row may have made it one that cannot even be read: SQLite keeps any value in any column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Table, select, type_coerce
from sqlalchemy.exc import OperationalError

from burnline.store.guards import ACTIONS, SwitchTurn
from burnline.store.incidents import RELEASE
from burnline.store.schema import EPOCH, MICROSECOND, incident, switch, switch_change, timeline
from burnline.store.timeline import GENESIS, Entry, first_broken

UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)  # a time that is none, data that is no JSON
NOT_UTF8 = "Could not decode to UTF-8"  # of Python's sqlite3, which has no class for it
UNKNOWN = "unknown"
SWITCH, STRAYS = 0, -1  # records that are of no incident; theirs begin with 1
Link = TypeVar("Link", Entry, SwitchTurn)
_CLOSED_AT = type_coerce(incident.c.closed_at, BigInteger).label("closed_at")  # as it is: it may be no time
_INCIDENTS = select(incident.c.id, incident.c.service, incident.c.state, _CLOSED_AT)


@dataclass(frozen=True, slots=True)
class Chain:
    """One record.

    Attributes:
        incident_id: 0 for the record of the switch.
        kind: `incident`, `release`, or `switch`.
        hashes: of its entries, oldest first; empty in place of one that cannot be read.
        broken: the first thing that does not hold, in words; empty while all of it does.
    """

    incident_id: int
    service: str
    kind: str
    closed_at: datetime | None
    hashes: tuple[str, ...]
    broken: str

    @property
    def head(self) -> str:
        """The hash of the newest entry."""
        return self.hashes[-1] if self.hashes else GENESIS


def chains(tx: Connection) -> Iterator[Chain]:
    """Every record, in order of its incident; also one whose incident is no longer there."""
    yield from _of_switch(tx)
    known = _incidents(tx)
    named = {*known, *tx.scalars(select(timeline.c.incident_id).distinct())}
    if strays := [each for each in named if not isinstance(each, int)]:
        text = f"has entries of an incident {strays[0]!r}: they were changed"
        yield Chain(STRAYS, UNKNOWN, "incident", None, (), text)
    for incident_id in sorted(each for each in named if isinstance(each, int)):
        yield _of_incident(tx, incident_id, known)


def _of_switch(tx: Connection) -> Iterator[Chain]:
    """Every turn of the switch that stops changes; nothing before the first one."""
    record = _read(tx, switch_change, SwitchTurn)
    if not record:
        return
    broken = _broken(record)
    newest = record[-1]
    if not broken and isinstance(newest, SwitchTurn):
        stands = _stands(tx, newest.name)
        if stands != newest.value:
            broken = f"the switch was changed: it is {stands!r}, and was last turned {newest.value}"
    yield Chain(SWITCH, ACTIONS, "switch", None, _hashes(record), broken)


def _stands(tx: Connection, name: str) -> object:
    try:
        return tx.scalar(select(switch.c.value).where(switch.c.name == name))
    except OperationalError as error:
        _raise_unless_changed(error)
        return None


def _incidents(tx: Connection) -> dict[int, Row[Any] | None]:
    """Every incident by its id; None for one that cannot be read."""
    try:
        return {row.id: row for row in tx.execute(_INCIDENTS)}
    except OperationalError as error:
        _raise_unless_changed(error)
    return {each: _incident(tx, each) for each in tx.scalars(select(incident.c.id)).all()}


def _incident(tx: Connection, incident_id: int) -> Row[Any] | None:
    try:
        return tx.execute(_INCIDENTS.where(incident.c.id == incident_id)).one()
    except OperationalError as error:
        _raise_unless_changed(error)
        return None


def _of_incident(tx: Connection, incident_id: int, known: Mapping[int, Row[Any] | None]) -> Chain:
    record = _read(tx, timeline, Entry, timeline.c.incident_id == incident_id)
    row = known.get(incident_id)
    broken = _broken(record)
    closed_at = None
    if row is None:
        broken = broken or f"its incident {'was changed: it cannot be read' if incident_id in known else 'was removed'}"
    else:
        try:
            closed_at = _moment(row.closed_at)
        except UNREADABLE:
            broken = broken or f"its incident was changed: closed_at is {row.closed_at!r}, which is no time"
        if not record:
            broken = broken or "has no entry: all of them were removed"
    return Chain(
        incident_id,
        str(row.service) if row else UNKNOWN,
        "release" if row and row.state == RELEASE else "incident",
        closed_at,
        _hashes(record),
        broken,
    )


def _read(tx: Connection, table: Table, made: Callable[..., Link], *these: ColumnElement[bool]) -> Sequence[Link | int]:
    """The entries of a record, oldest first; of one that cannot be read, its number."""
    try:
        return [made(**row) for row in tx.execute(select(table).where(*these).order_by(table.c.id)).mappings()]
    except (*UNREADABLE, OperationalError) as error:
        _raise_unless_changed(error)
    ids = tx.scalars(select(table.c.id).where(*these).order_by(table.c.id)).all()
    return [_read_one(tx, table, made, each) for each in ids]


def _read_one(tx: Connection, table: Table, made: Callable[..., Link], entry_id: int) -> Link | int:
    try:
        return made(**tx.execute(select(table).where(table.c.id == entry_id)).mappings().one())
    except (*UNREADABLE, OperationalError) as error:
        _raise_unless_changed(error)
        return entry_id


def _raise_unless_changed(error: Exception) -> None:
    """Go on with an error that is the database's own."""
    if isinstance(error, OperationalError) and NOT_UTF8 not in str(error.orig):
        raise error


def _broken(record: Sequence[Link | int]) -> str:
    unreadable = next((n for n, each in enumerate(record) if isinstance(each, int)), len(record))
    bad = first_broken([each for each in record[:unreadable] if not isinstance(each, int)])
    if bad is not None:
        what = bad.type if isinstance(bad, Entry) else f"turned {bad.value}"
        return f"entry {bad.id} ({bad.at:%Y-%m-%d %H:%M:%S} UTC, {what}) was changed, or follows one that was removed"
    return f"entry {record[unreadable]} was changed: it cannot be read" if unreadable < len(record) else ""


def _hashes(record: Sequence[Link | int]) -> tuple[str, ...]:
    return tuple("" if isinstance(each, int) else str(each.hash) for each in record)


def _moment(kept: Any) -> datetime | None:
    if kept is None:
        return None
    if not isinstance(kept, int):
        raise TypeError(f"{kept!r} is no count of microseconds")
    return EPOCH + kept * MICROSECOND


def overall_head(found: Iterable[Chain]) -> str:
    """SHA-256 over `incident entries head` of each record, one a line, in order: no record can change or go unseen."""
    lines = (f"{each.incident_id} {len(each.hashes)} {each.head}\n" for each in found)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
