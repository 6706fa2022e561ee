"""The version that serves, from burnline's own registry of releases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from burnline.errors import NotAsked
from burnline.events import Sample
from burnline.metrics import registry
from burnline.store.database import Database
from burnline.store.schema import release, rollout


class RegistryCollector:
    """What of one service serves now, and whether its release was approved."""

    name = "registry"
    target = "burnline's releases"
    measured = True

    def __init__(self, db: Database, service: str, *, interval: timedelta) -> None:
        self.service = service
        self.interval = interval
        self._db = db

    def collect(self, now: datetime) -> Sequence[Sample]:
        """The newest version seen.

        Raises: NotAsked when none was seen yet.
        """
        newest = select(release).where(release.c.service == self.service).order_by(release.c.id.desc()).limit(1)
        with self._db.read() as tx:
            seen = tx.execute(newest).first()
            if seen is None:
                raise NotAsked("no version was seen yet")
            these = (rollout.c.service == self.service, rollout.c.version == seen.version)
            by = tx.scalars(select(rollout.c.approved_by).where(*these).order_by(rollout.c.id.desc()).limit(1)).first()
        approved = "unknown" if by is None else "yes" if by else "no"
        return [
            Sample(registry.RELEASE_INFO, {"version": seen.version, "approved": approved}, 1.0),
            Sample(registry.SERVING_SINCE, {}, seen.seen_at.timestamp()),
        ]
