"""Tiles of sketches: what detectors counted, by stretches of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from burnline.store.schema import sketch_tile


@dataclass(frozen=True, slots=True)
class SketchTile:
    """Counts of the `step_seconds` that begin with `start`, or of all time where that is 0.

    Attributes:
        of: what they were counted against; only equal ones add up.
        body: the counts, as their writer packs them.
    """

    service: str
    signal: str
    step_seconds: int
    start: datetime
    of: str
    body: bytes


def keep_sketches(tx: Connection, tiles: Sequence[SketchTile]) -> None:
    """Write tiles; one that is there already is replaced."""
    if not tiles:
        return
    table = sketch_tile
    put = sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
    put = put.on_conflict_do_update(
        index_elements=["service", "signal", "step_seconds", "start"],
        set_={"of": put.excluded["of"], "body": put.excluded["body"]},
    )
    tx.execute(put, [{name: getattr(tile, name) for name in SketchTile.__slots__} for tile in tiles])


def sketches(tx: Connection) -> Iterator[SketchTile]:
    """Every tile kept."""
    return (SketchTile(*row) for row in tx.execute(select(sketch_tile)))


def forget_sketches(tx: Connection, service: str, signal: str, step_seconds: int, before: datetime) -> int:
    """Delete tiles of one length that begin before `before`. Returns how many went."""
    tile = sketch_tile.c
    old = (tile.service == service, tile.signal == signal, tile.step_seconds == step_seconds, tile.start < before)
    return tx.execute(delete(sketch_tile).where(*old)).rowcount


def forget_signal_sketches(tx: Connection, service: str, signal: str) -> int:
    """Delete every tile of a signal: it is counted against something else now. Returns how many went."""
    tile = sketch_tile.c
    return tx.execute(delete(sketch_tile).where(tile.service == service, tile.signal == signal)).rowcount
