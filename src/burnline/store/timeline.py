"""The record of an incident: append only, each row's hash covers the row before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection, bindparam, func, insert, select

from burnline.store.schema import timeline

GENESIS = "0" * 64
# built once: in an alert storm this runs for every alert
_LAST_HASH = (
    select(timeline.c.hash)
    .where(timeline.c.incident_id == bindparam("incident_id"))
    .order_by(timeline.c.id.desc())
    .limit(1)
)
_APPEND = insert(timeline).returning(timeline.c.id)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `source`: alerting, runbook, release, person; `type` is a stable word for programs."""

    id: int
    incident_id: int
    at: datetime
    source: str
    actor: str
    type: str
    text: str
    data: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(slots=True)
class _Held:
    """Entries of one transaction that are not written yet, and the last hash of each incident with them."""

    tx: Connection
    last: dict[int, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


_HELD: ContextVar[_Held | None] = ContextVar("held", default=None)


@contextmanager
def in_one_statement(tx: Connection) -> Iterator[None]:
    """What is appended to `tx` inside is written at the end: in an alert storm half of the time went into single rows.

    Nothing of it can be read before, and nothing is written when the block raises.
    """
    held = _Held(tx)
    token = _HELD.set(held)
    try:
        yield
    finally:
        _HELD.reset(token)
    if held.rows:
        tx.execute(insert(timeline), held.rows)


def append(
    tx: Connection,
    *,
    incident_id: int,
    at: datetime,
    source: str,
    type: str,  # noqa: A002 - the field's own name
    text: str,
    actor: str = "burnline",
    data: Mapping[str, Any] | None = None,
    drill: bool = False,
) -> int:
    """Add an entry and return its id (0 while it is held, see `in_one_statement`). `data` must be plain JSON.

    That of a `drill` begins with DRILL, as every message does.
    """
    held = _HELD.get()
    held = held if held is not None and held.tx is tx else None
    last = held.last.get(incident_id) if held else None
    values: dict[str, Any] = {
        "incident_id": incident_id,
        "at": at,
        "source": source,
        "actor": actor,
        "type": type,
        "text": f"DRILL: {text}" if drill else text,
        "data": {**(data or {}), **({"drill": True} if drill else {})},
        "prev_hash": last or tx.scalar(_LAST_HASH, {"incident_id": incident_id}) or GENESIS,
    }
    values["hash"] = row_hash(values)
    if held:
        held.last[incident_id] = values["hash"]
        held.rows.append(values)
        return 0
    return int(tx.execute(_APPEND, values).scalar_one())


def entries(tx: Connection, incident_id: int) -> list[Entry]:
    """An incident's record, oldest first."""
    rows = tx.execute(select(timeline).where(timeline.c.incident_id == incident_id).order_by(timeline.c.id))
    return [Entry(**row) for row in rows.mappings()]


def newest_id(tx: Connection) -> int:
    """The id of the newest entry of all incidents; 0 before the first."""
    return tx.scalar(select(func.max(timeline.c.id))) or 0


class Chained(Protocol):
    """A row of a chain, a dataclass whose hash covers every field but `id` and itself."""

    @property
    def prev_hash(self) -> str: ...
    @property
    def hash(self) -> str: ...


Each = TypeVar("Each", bound=Chained)


def first_broken(record: Sequence[Each]) -> Each | None:
    """The first entry that was changed, or follows a removed one; None when the chain holds."""
    prev_hash = GENESIS
    for entry in record:
        if entry.prev_hash != prev_hash or entry.hash != _hash_of(entry):
            return entry
        prev_hash = entry.hash
    return None


def _hash_of(entry: Chained) -> str:
    """The hash that an entry should have; empty for one that was made something that burnline never writes."""
    names = (each.name for each in fields(cast("Any", entry)) if each.name not in ("id", "hash"))
    try:
        return row_hash({name: getattr(entry, name) for name in names})
    except (TypeError, AttributeError, ValueError, RecursionError):
        return ""


def row_hash(values: Mapping[str, Any]) -> str:
    """The SHA-256 of a row of a chain: all of it but its id and its hash."""
    plain = {**values, "at": values["at"].isoformat(timespec="microseconds")}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
