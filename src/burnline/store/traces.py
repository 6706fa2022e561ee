"""Traces worth a look: a bounded set of each service, for the alerts that come later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, case, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from burnline.store.schema import EPOCH, notable_trace

SLOT = timedelta(minutes=5)
SLICE = 500
KEYS = ["service", "slot", "kind", "place"]
Kind = Literal["error", "slow"]


@dataclass(frozen=True, slots=True)
class Trace:
    """A span worth a look.

    Attributes:
        kind: `error`, or `slow` for the slowest of its bucket.
        place: the kind of error (a small number), or the bucket's upper bound in seconds.
        at: when the span ended.
        duration: seconds.
    """

    service: str
    kind: Kind
    place: str
    at: datetime
    trace_id: str
    span_id: str
    name: str
    duration: float


def keep(tx: Connection, found: Iterable[Trace]) -> None:
    """Keep each in its place of its slot of time: the newest error, the slowest of a bucket."""
    best: dict[tuple[str, datetime, str, str], Trace] = {}
    for trace in found:
        key = (trace.service, slot_of(trace.at), trace.kind, trace.place)
        if key not in best or _rank(trace) > _rank(best[key]):
            best[key] = trace
    if not best:
        return
    put = (sqlite if tx.dialect.name == "sqlite" else postgresql).insert(notable_trace)
    new, old = put.excluded, notable_trace.c
    better = case((old.kind == "error", new["at"] >= old.at), else_=new["duration"] > old.duration)
    values = {name: new[name] for name in ("at", "trace_id", "span_id", "name", "duration")}
    rows = [{"slot": key[1], **asdict(trace)} for key, trace in sorted(best.items())]
    tx.execute(put.on_conflict_do_update(index_elements=KEYS, set_=values, where=better), rows)


def notable(
    tx: Connection, service: str, *, since: datetime, until: datetime, errors: int = 10, slow: int = 5
) -> list[Trace]:
    """The newest errors, then the slowest, of the spans that ended between the two moments; each trace once."""
    where = (
        notable_trace.c.service == service,
        notable_trace.c.slot >= slot_of(since),
        notable_trace.c.at.between(since, until),
    )
    c = notable_trace.c
    newest = select(notable_trace).where(*where, c.kind == "error").order_by(c.at.desc(), c.trace_id).limit(errors)
    slowest = select(notable_trace).where(*where, c.kind == "slow").order_by(c.duration.desc(), c.trace_id)
    found = [_trace(row) for row in tx.execute(newest)]
    seen = {trace.trace_id for trace in found}
    for row in tx.execute(slowest.limit(slow + errors)):
        if row.trace_id not in seen and slow:
            seen.add(row.trace_id)
            found.append(_trace(row))
            slow -= 1
    return found


def exemplars(tx: Connection, service: str, *, since: datetime) -> list[Trace]:
    """Of each bucket of span durations, the slowest since then: `place` is the bucket's bound."""
    c = notable_trace.c
    rows = tx.execute(
        select(notable_trace)
        .where(c.service == service, c.slot >= slot_of(since), c.at >= since, c.kind == "slow")
        .order_by(c.duration)
    )
    return list({row.place: _trace(row) for row in rows}.values())


def forget(tx: Connection, before: datetime) -> int:
    """Delete a slice of the traces of slots before then. Returns how many rows went."""
    c = notable_trace.c
    keys = (c.service, c.slot, c.kind, c.place)
    old = tx.execute(select(*keys).where(c.slot < before).limit(SLICE)).all()
    return (
        tx.execute(delete(notable_trace).where(tuple_(*keys).in_([tuple(row) for row in old]))).rowcount if old else 0
    )


def slot_of(at: datetime) -> datetime:
    """The beginning of the slot of time a moment is in."""
    return at - (at - EPOCH) % SLOT


def _rank(trace: Trace) -> float:
    return trace.at.timestamp() if trace.kind == "error" else trace.duration


def _trace(row: object) -> Trace:
    return Trace(**{name: getattr(row, name) for name in Trace.__slots__})
