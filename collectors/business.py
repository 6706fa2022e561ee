"""The door for numbers of the business: what it acknowledges is added up, once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

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


def accept_numbers(db: Database, posted: Numbers, now: datetime) -> bool:
    """Keep what was posted; it is durable on return. Returns whether it was new.

    Raises: StoreError when nothing was kept.
    """
    return db.write(partial(_keep, posted=posted, now=now))


def fault_of(spec: ServiceSpec, name: str, value: float, *, adds: bool) -> str:
    """Why a number cannot be kept: the names that the service file has, or the range; empty when it can."""
    kind = "counter" if adds else "gauge"
    names = [number for number, how in spec.business.items() if how.posted == kind]
    if name not in names:
        hint = did_you_mean(name, names)
        accepted = f"accepted: {choice(names)}" if names else f"the service file has no number `posted: {kind}`"
        return f"{spec.service} posts no {kind} of that name; {accepted}" + (f";{hint}" if hint else "")
    if not math.isfinite(value) or abs(value) > MOST or (adds and value < 0):
        return f"is {value:g}; write a number from {'0' if adds else f'-{MOST:g}'} to {MOST:g}"
    return ""


def _keep(tx: Connection, posted: Numbers, now: datetime) -> bool:
    new = take_key(tx, f"{DOOR}/{posted.service}", posted.key, now)
    if new:
        record(tx, posted.service, list(_points(posted)), now)
    return new


def _points(posted: Numbers) -> Iterator[Point]:
    for name, value in posted.add.items():
        yield Point(TOTAL, {**posted.labels, NUMBER: name}, value, add=True)
    for name, value in posted.put.items():
        yield Point(VALUE, {**posted.labels, NUMBER: name}, value)
