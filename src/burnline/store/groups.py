"""Groups of alerts that people hear of together, each an opaque body under whom it is for and what it is of."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from burnline.store.schema import alert_group

GroupKey = tuple[str, str]  # audience, key


def alert_groups(tx: Connection) -> dict[GroupKey, bytes]:
    """Every group."""
    rows = tx.execute(select(alert_group).order_by(alert_group.c.audience, alert_group.c.key))
    return {(row.audience, row.key): bytes(row.body) for row in rows}


def keep_group(tx: Connection, key: GroupKey, body: bytes | None) -> None:
    """Write the group, or delete it where there is no body."""
    here = (alert_group.c.audience == key[0]) & (alert_group.c.key == key[1])
    if body is None:
        tx.execute(delete(alert_group).where(here))
    elif not tx.execute(update(alert_group).where(here).values(body=body)).rowcount:
        tx.execute(insert(alert_group).values(audience=key[0], key=key[1], body=body))
