"""The door for numbers of the business: what it acknowledges is added up, once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from burnline.errors import PayloadError
from burnline.metrics.business import NUMBER, TOTAL, VALUE
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice, did_you_mean
from burnline.store.database import Database
from burnline.store.series import Point, record, take_key

DOOR = "business"
MOST = 1e15  # beyond, a sum of doubles no longer counts single pieces


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one posting says of a service.

    Attributes:
        key: whoever sends the same again (an answer was lost) sends the same key; empty: every posting is new.
        add: amounts since the last posting, not below 0.
        put: values as they are now.
        labels: of all of them, as `version`, so that a release can be compared.
    """

    service: str
    key: str
    add: Mapping[str, float]
    put: Mapping[str, float]
    labels: Mapping[str, str]


def accept_numbers(db: Database, spec: ServiceSpec, posted: Numbers, now: datetime) -> bool:
    """Keep what was posted; it is durable on return. Returns whether it was new.

    Raises: PayloadError naming the number, and the names that the service file has; StoreError when nothing was kept.
    """
    points = [*_points(spec, posted.add, posted.labels, adds=True), *_points(spec, posted.put, posted.labels)]
    if not points:
        raise PayloadError('nothing was posted; write numbers into "add" or "set", as in {"add": {"orders": 3}}')
    return db.write(partial(_keep, posted=posted, points=points, now=now))


def _keep(tx: Connection, posted: Numbers, points: list[Point], now: datetime) -> bool:
    new = take_key(tx, f"{DOOR}/{posted.service}", posted.key, now)
    if new:
        record(tx, posted.service, points, now)
    return new


def _points(
    spec: ServiceSpec, values: Mapping[str, float], labels: Mapping[str, str], *, adds: bool = False
) -> Iterator[Point]:
    kind, key = ("counter", "add") if adds else ("gauge", "set")
    names = [name for name, number in spec.business.items() if number.posted == kind]
    for name, value in values.items():
        if name not in names:
            hint = did_you_mean(name, names)
            accepted = f"accepted: {choice(names)}" if names else f"the service file has no number `posted: {kind}`"
            told = f"{key}.{name}: {spec.service} posts no {kind} of that name; {accepted}"
            raise PayloadError(told + (f";{hint}" if hint else ""))
        if not math.isfinite(value) or abs(value) > MOST or (adds and value < 0):
            least = "0" if adds else f"-{MOST:g}"
            raise PayloadError(f"{key}.{name}: {value:g} is no number from {least} to {MOST:g}")
        yield Point(TOTAL if adds else VALUE, {**labels, NUMBER: name}, value, add=adds)
