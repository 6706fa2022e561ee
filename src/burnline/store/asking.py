"""Who asked how much of a service, hour by hour, as sketches; and the key that hides who it was."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from burnline.store.schema import asking, secret

_KEY = "principals"


def principal_key(tx: Connection) -> bytes:
    """The key of this installation that principals are hashed with; made when it is first asked for."""
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    made = {"name": _KEY, "value": secrets.token_hex(32)}
    tx.execute(dialect.insert(secret).values(made).on_conflict_do_nothing())
    value: str = tx.scalars(select(secret.c.value).where(secret.c.name == _KEY)).one()
    return bytes.fromhex(value)


def sketches_of(tx: Connection, service: str, since: datetime) -> Sequence[Mapping[str, Any]]:
    """The sketches of the hours that began at or after `since`, oldest first."""
    these = (asking.c.service == service, asking.c.hour >= since)
    return list(tx.scalars(select(asking.c.sketch).where(*these).order_by(asking.c.hour)))


def put_sketch(tx: Connection, service: str, hour: datetime, sketch: Mapping[str, Any]) -> None:
    """Keep the sketch of an hour; those of hours long past go."""
    dialect = sqlite if tx.dialect.name == "sqlite" else postgresql
    put = dialect.insert(asking).values({"service": service, "hour": hour, "sketch": dict(sketch)})
    tx.execute(put.on_conflict_do_update(index_elements=["service", "hour"], set_={"sketch": put.excluded["sketch"]}))


def forget_sketches(tx: Connection, before: datetime) -> int:
    """Delete the sketches of hours that began before. Returns how many went."""
    return tx.execute(delete(asking).where(asking.c.hour < before)).rowcount
