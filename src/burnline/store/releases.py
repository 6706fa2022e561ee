"""Which version served when, as burnline saw it change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from burnline.store.schema import release


@dataclass(frozen=True, slots=True)
class Release:
    """One change of the serving version; `previous` is empty the first time a service is seen."""

    service: str
    version: str
    previous: str
    seen_at: datetime
    source: str


def record_release(tx: Connection, *, service: str, version: str, now: datetime, source: str) -> Release | None:
    """Note that `version` serves; None when that is no news."""
    last = serving_version(tx, service)
    if last == version:
        return None
    change = Release(service, version, last, now, source)
    tx.execute(insert(release).values(service=service, version=version, previous=last, seen_at=now, source=source))
    return change


def serving_version(tx: Connection, service: str) -> str:
    """The version seen last; empty when none was."""
    newest = select(release.c.version).where(release.c.service == service).order_by(release.c.id.desc()).limit(1)
    return tx.scalar(newest) or ""


def recent_releases(tx: Connection, service: str, since: datetime) -> list[Release]:
    """Changes seen after `since`, oldest first; the first sight of a service is not a change."""
    columns = (release.c.service, release.c.version, release.c.previous, release.c.seen_at, release.c.source)
    rows = tx.execute(
        select(*columns)
        .where(release.c.service == service, release.c.seen_at > since, release.c.previous != "")
        .order_by(release.c.id)
    )
    return [Release(*row) for row in rows]
