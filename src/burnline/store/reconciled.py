"""When each place that says what fires was last compared with what was received, so that an outage has a beginning."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from burnline.store.schema import reconciled


def note_reconciled(tx: Connection, places: Collection[str], now: datetime) -> None:
    """These places were asked, they answered, and what they said is kept."""
    for place in places:
        if not tx.execute(update(reconciled).where(reconciled.c.place == place).values(at=now)).rowcount:
            tx.execute(insert(reconciled).values(place=place, at=now))


def last_reconciled(tx: Connection) -> dict[str, datetime]:
    """Every place that ever was, and when that was last."""
    return {str(place): at for place, at in tx.execute(select(reconciled))}
