"""The door for security events: counts by kind, and who asks most without knowing who it is."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from burnline.collectors.security.sketch import Sketch, read_sketch
from burnline.errors import NotAsked
from burnline.events import Sample
from burnline.metrics import security
from burnline.store.asking import principal_key, put_sketch, sketches_of
from burnline.store.database import Database
from burnline.store.series import Point, record, take_key

DOOR = "security"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries of one principal; `inputs` are what they were about: ids or hashes, kept as bits of a bitmap alone."""

    principal: str
    count: int
    inputs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Reported:
    """What one posting says of a service: events by kind, and queries; `key`: sent twice, it counts once."""

    service: str
    key: str
    events: Sequence[tuple[str, int]]
    asked: Sequence[Asked]


def accept_security(db: Database, reported: Reported, now: datetime) -> bool:
    """Keep what was reported; it is durable on return. Returns whether it was new.

    Raises: StoreError when nothing was kept.
    """
    return db.write(partial(_keep, reported=reported, now=now))


def _keep(tx: Connection, reported: Reported, now: datetime) -> bool:
    if not take_key(tx, f"{DOOR}/{reported.service}", reported.key, now):
        return False
    points = [Point(security.EVENTS, {"kind": kind}, count, add=True) for kind, count in reported.events]
    if reported.asked:
        points.append(Point(security.QUERIES, {}, sum(each.count for each in reported.asked), add=True))
        _sketch(tx, reported, now)
    record(tx, reported.service, points, now)
    return True


def _sketch(tx: Connection, reported: Reported, now: datetime) -> None:
    key, hour = principal_key(tx), now.replace(minute=0, second=0, microsecond=0)
    kept = sketches_of(tx, reported.service, hour)
    sketch = read_sketch(kept[-1]) if kept else Sketch()
    for each in reported.asked:
        cells = (int.from_bytes(_hash(key, text)[:8]) for text in each.inputs)
        sketch.add(_hash(key, each.principal)[:12].hex(), each.count, cells)
    put_sketch(tx, reported.service, hour, sketch.as_json())


def _hash(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)


class AskingCollector:
    """Whether one principal asks too much of one service, over this hour and the one before it."""

    name = "asking"
    target = "posted to burnline"
    measured = True

    def __init__(self, db: Database, service: str, *, interval: timedelta) -> None:
        self.service = service
        self.interval = interval
        self._db = db

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Shares of the principal that stands out most.

        Raises: NotAsked when too few queries were told.
        """
        with self._db.read() as tx:
            kept = sketches_of(tx, self.service, now.replace(minute=0, second=0, microsecond=0) - HOUR)
        both = Sketch()
        for sketch in map(read_sketch, kept):
            both.merge(sketch)
        found = ((security.TOP_SHARE, both.share()), (security.TOP_COVERAGE, both.coverage()))
        samples = [Sample(name, {}, value) for name, value in found if value is not None]
        if not samples:
            raise NotAsked("too few queries were told by who asked")
        return samples
