"""The embedded engine's tiles, and what it remembers between two starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from burnline.store.schema import slo_memory, slo_tile

RUNNING = -1.0  # step_seconds of the events of a calendar period up to `at`
ENDED = -2.0  # step_seconds of the events of a whole calendar period, which ended with `at`

Upsert = sqlite.Insert | postgresql.Insert
_STATEMENT_LIMIT = 500  # names in one IN (...): SQLite takes 32,766 parameters, planners like fewer


@dataclass(frozen=True, slots=True)
class Tile:
    """Events of one SLO in the `step_seconds` that end with `at`; `seen` is how many base intervals were observed.

    RUNNING and ENDED stand for as much of a calendar period as `at` ends.
    """

    slo: str  # service/name, or the key of what it is derived from
    step_seconds: float
    at: datetime
    bad: float
    total: float
    seen: float


@dataclass(frozen=True, slots=True)
class Memory:
    """One remembered value, and as of when."""

    at: datetime
    body: Mapping[str, Any]


def keep_tiles(tx: Connection, tiles: Sequence[Tile]) -> None:
    """Write tiles; one that is there already (it was still open) is replaced."""
    if not tiles:
        return
    put = _insert(tx, slo_tile)
    counts = {name: put.excluded[name] for name in ("bad", "total", "seen")}
    put = put.on_conflict_do_update(index_elements=["slo", "step_seconds", "at"], set_=counts)
    tx.execute(put, [{name: getattr(tile, name) for name in Tile.__slots__} for tile in tiles])


def tiles(tx: Connection, slos: Sequence[str], step_seconds: float, since: datetime) -> list[Tile]:
    """Tiles that end after `since`, by SLO, oldest first."""
    found: list[Tile] = []
    for first in range(0, len(slos), _STATEMENT_LIMIT):
        some = slo_tile.c.slo.in_(slos[first : first + _STATEMENT_LIMIT])
        later = (slo_tile.c.step_seconds == step_seconds, slo_tile.c.at > since)
        rows = tx.execute(select(slo_tile).where(some, *later).order_by(slo_tile.c.slo, slo_tile.c.at))
        found += [Tile(*row) for row in rows]
    return found


def forget_tiles(tx: Connection, slos: Sequence[str], step_seconds: float, before: datetime) -> int:
    """Delete tiles that end before `before`. Returns how many went."""
    gone = 0
    for first in range(0, len(slos), _STATEMENT_LIMIT):
        some = slo_tile.c.slo.in_(slos[first : first + _STATEMENT_LIMIT])
        older = (slo_tile.c.step_seconds == step_seconds, slo_tile.c.at < before)
        gone += tx.execute(delete(slo_tile).where(some, *older)).rowcount
    return gone


def forget_tiles_after(tx: Connection, slos: Sequence[str], after: datetime) -> int:
    """Delete tiles of any length that end after `after`: the clock was set back behind them. Returns how many went."""
    gone = 0
    for first in range(0, len(slos), _STATEMENT_LIMIT):
        some = slo_tile.c.slo.in_(slos[first : first + _STATEMENT_LIMIT])
        gone += tx.execute(delete(slo_tile).where(some, slo_tile.c.at > after)).rowcount
    return gone


def remember(tx: Connection, memories: Mapping[str, Memory]) -> None:
    """Write memories by name, replacing older ones."""
    if not memories:
        return
    put = _insert(tx, slo_memory)
    put = put.on_conflict_do_update(
        index_elements=["name"], set_={"at": put.excluded["at"], "body": put.excluded["body"]}
    )
    tx.execute(put, [{"name": name, "at": memory.at, "body": memory.body} for name, memory in memories.items()])


def memories(tx: Connection) -> dict[str, Memory]:
    """Everything remembered, by name."""
    return {row.name: Memory(row.at, row.body) for row in tx.execute(select(slo_memory))}


def forget_memories(tx: Connection, prefix: str, before: datetime) -> int:
    """Delete memories whose name starts with `prefix`, older than `before`. Returns how many went."""
    old = (slo_memory.c.name.startswith(prefix, autoescape=True), slo_memory.c.at < before)
    return tx.execute(delete(slo_memory).where(*old)).rowcount


def _insert(tx: Connection, table: Table) -> Upsert:
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
