"""Groups of alerts that people hear of together, each an opaque body under whom it is for and what it is of."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update

from burnline.store.schema import alert, alert_group, episode

GroupKey = tuple[str, str]  # audience, key
_HERE = (alert_group.c.audience == bindparam("a")) & (alert_group.c.key == bindparam("k"))
_UPDATE = update(alert_group).where(_HERE).values(body=bindparam("b"))
_DELETE = delete(alert_group).where(_HERE)
_FIRING = select(func.count(), func.max(alert.c.since)).where(alert.c.firing)
_EPISODES = select(func.count(), func.max(episode.c.id)).where(episode.c.state == "open")


def alert_groups(tx: Connection, keys: Collection[GroupKey] | None = None) -> dict[GroupKey, bytes]:
    """Every group, or those of these keys."""
    query = select(alert_group)
    if keys is not None:
        query = query.where(tuple_(alert_group.c.audience, alert_group.c.key).in_(list(keys)))
    return {(row.audience, row.key): bytes(row.body) for row in tx.execute(query)}


def keep_groups(tx: Connection, bodies: Mapping[GroupKey, bytes | None]) -> None:
    """Write groups, or delete those that have no body."""
    gone = [{"a": key[0], "k": key[1]} for key, body in bodies.items() if body is None]
    if gone:
        tx.execute(_DELETE, gone)
    for key, body in bodies.items():
        if body is not None and not tx.execute(_UPDATE, {"a": key[0], "k": key[1], "b": body}).rowcount:
            tx.execute(insert(alert_group).values(audience=key[0], key=key[1], body=body))


def what_fires(tx: Connection) -> tuple[object, ...]:
    """A mark that changes whenever an alert begins or ends."""
    return (*tx.execute(_FIRING).one(), *tx.execute(_EPISODES).one())
