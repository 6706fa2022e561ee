"""Silences: which alerts nobody is told of, from when until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from burnline.store.schema import silence


@dataclass(frozen=True, slots=True)
class SilenceRow:
    """One silence; `matchers` as in Alertmanager's API: name, value, isRegex, isEqual."""

    id: str
    matchers: Sequence[Mapping[str, Any]]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str


def silences(tx: Connection) -> list[SilenceRow]:
    """Every silence on record, the one that ends last first."""
    rows = tx.execute(select(silence).order_by(silence.c.ends_at.desc(), silence.c.id))
    return [SilenceRow(*row) for row in rows]


def silences_at(tx: Connection, now: datetime) -> list[SilenceRow]:
    """The silences in force."""
    rows = tx.execute(select(silence).where(silence.c.starts_at <= now, silence.c.ends_at > now).order_by(silence.c.id))
    return [SilenceRow(*row) for row in rows]


def silences_ahead(tx: Connection, now: datetime) -> int:
    """How many silences are in force or to come."""
    return tx.scalar(select(func.count()).select_from(silence).where(silence.c.ends_at > now)) or 0


def find_silence(tx: Connection, silence_id: str) -> SilenceRow | None:
    """The silence of that id, or None."""
    row = tx.execute(select(silence).where(silence.c.id == silence_id)).first()
    return SilenceRow(*row) if row else None


def keep_silence(tx: Connection, row: SilenceRow) -> None:
    """Insert the silence, or write over what is known of it."""
    values = {
        "matchers": [dict(each) for each in row.matchers],
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "updated_at": row.updated_at,
        "created_by": row.created_by,
        "comment": row.comment,
    }
    if not tx.execute(update(silence).where(silence.c.id == row.id).values(values)).rowcount:
        tx.execute(insert(silence).values(id=row.id, **values))


def forget_silences(tx: Connection, before: datetime) -> int:
    """Delete the silences that ended before this moment; returns how many."""
    return tx.execute(delete(silence).where(silence.c.ends_at < before)).rowcount
