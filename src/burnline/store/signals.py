"""Signals: the counts of open windows, what detectors remember, and the findings on closed windows.

Each is kept for all events of a service (the part ``""``) and for its versions and slices. Who names no part reads of
all events: SLOs, alerts, guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update

from burnline.events import Cell, Contributor, Counts, Finding, Verdict
from burnline.store.parts import VERSION, WHOLE, beside
from burnline.store.schema import finding as findings
from burnline.store.schema import signal_memory, signal_state

_COLUMNS = [column for column in findings.c if column.name != "id"]
# Put together once: at every start, and every look of the console, they are asked for each signal.
_OF = tuple(bindparam(name, type_=findings.c[name].type) for name in ("service", "signal"))
_PAIR = (findings.c.service, findings.c.signal)
_IS = tuple(column == value for column, value in zip(_PAIR, _OF, strict=True))
_NEXT_PAIR = select(*_PAIR).where(tuple_(*_PAIR) > tuple_(*_OF), findings.c.part == WHOLE).order_by(*_PAIR).limit(1)
_LATEST = select(*_COLUMNS).where(*_IS, findings.c.part == WHOLE).order_by(findings.c.window_start.desc()).limit(1)
_SINCE = findings.c.window_end > bindparam("since", type_=findings.c.window_end.type)
_PARTS = select(*_COLUMNS).where(*_IS, findings.c.part != WHOLE, _SINCE).order_by(findings.c.window_start)


def record_finding(tx: Connection, finding: Finding) -> int:
    """Keep what a detector said of a closed window and return its id; ids grow in commit order."""
    values = {
        "service": finding.service,
        "signal": finding.signal,
        "part": finding.part,
        "window_start": finding.window_start,
        "window_end": finding.window_end,
        "verdict": finding.verdict.value,
        "score": finding.score,
        "bad": finding.counts.bad,
        "total": finding.counts.total,
        "reason": finding.reason,
        "contributors": [_written(one) for one in finding.contributors],
    }
    return int(tx.execute(insert(findings).values(values).returning(findings.c.id)).scalar_one())


def findings_after(tx: Connection, finding_id: int, limit: int) -> list[tuple[int, Finding]]:
    """Findings with a larger id, oldest first: a reader keeps the last id it saw as its position."""
    query = select(findings.c.id, *_COLUMNS).where(findings.c.id > finding_id, findings.c.part == WHOLE)
    return [(row[0], _finding(row[1:])) for row in tx.execute(query.order_by(findings.c.id).limit(limit))]


def latest_findings(tx: Connection, service: str | None = None) -> list[Finding]:
    """The newest finding of every signal, of one service or of all, in order of service and signal."""
    return [_latest(tx, *pair) for pair in pairs(tx, service)]


def last_known(tx: Connection, service: str, signal: str, since: datetime) -> tuple[Verdict, datetime] | None:
    """The verdict and end of the newest window that had data, if it began at or after `since`."""
    of = (findings.c.service == service, findings.c.signal == signal, findings.c.part == WHOLE)
    known = (findings.c.verdict != Verdict.NO_DATA.value, findings.c.window_start >= since)
    query = select(findings.c.verdict, findings.c.window_end).where(*of, *known)
    row = tx.execute(query.order_by(findings.c.window_start.desc()).limit(1)).first()
    return None if row is None else (Verdict(row.verdict), row.window_end)


def first_start(tx: Connection, service: str, signal: str, since: datetime) -> datetime | None:
    """When the oldest window that is kept began, of those that began at or after `since`."""
    of = (findings.c.service == service, findings.c.signal == signal, findings.c.part == WHOLE)
    query = select(findings.c.window_start).where(*of, findings.c.window_start >= since)
    return tx.execute(query.order_by(findings.c.window_start).limit(1)).scalar()


def latest_parts(tx: Connection, service: str, signal: str, since: datetime) -> list[Finding]:
    """The newest finding of every version and slice of a signal whose window ended after `since`, by name."""
    rows = tx.execute(_PARTS, {"service": service, "signal": signal, "since": since})
    newest = {found.part: found for found in map(_finding, rows)}
    return [newest[part] for part in sorted(newest)]


def versions_told(tx: Connection, service: str, since: datetime, back: datetime) -> list[str]:
    """The versions that events of windows which ended after `since` name, in order.

    Where these name none, as in silence, the newest windows count that do, if they ended after `back`.
    """
    named = (
        findings.c.service == service,
        findings.c.part != WHOLE,
        findings.c.part.startswith(f"{VERSION}="),
    )
    parts = select(findings.c.part).where(*named).distinct()
    found = set(tx.scalars(parts.where(findings.c.window_end > since)))
    if not found:
        began = select(func.max(findings.c.window_start)).where(*named, findings.c.window_end > back)
        last = tx.execute(began).scalar()
        found = set(tx.scalars(parts.where(findings.c.window_end > last))) if last else set()
    told = {part.partition("=")[2] for part in found}
    return sorted(told - {beside(version) for version in told})


def findings_between(
    tx: Connection, service: str, signal: str, since: datetime, until: datetime, part: str = ""
) -> list[Finding]:
    """Findings on windows that start at or after `since` and end by `until`, oldest first."""
    query = select(*_COLUMNS).where(
        findings.c.service == service,
        findings.c.signal == signal,
        findings.c.part == part,
        findings.c.window_start >= since,
        findings.c.window_end <= until,
    )
    return [_finding(row) for row in tx.execute(query.order_by(findings.c.window_start))]


def worst_findings(tx: Connection, service: str, since: datetime, until: datetime) -> list[Finding]:
    """Of every signal of a service that was in alarm between two moments: the finding with the highest score."""
    query = select(*_COLUMNS).where(
        findings.c.service == service,
        findings.c.part == WHOLE,
        findings.c.verdict == Verdict.ALARM.value,
        findings.c.window_end > since,
        findings.c.window_start < until,
    )
    found = map(_finding, tx.execute(query.order_by(findings.c.score.nulls_first(), findings.c.window_start.desc())))
    worst = {each.signal: each for each in found}
    return [worst[signal] for signal in sorted(worst)]


def event_totals(tx: Connection) -> dict[tuple[str, str], Counts]:
    """Bad and total events of every finding kept, per service and signal."""
    pair = (findings.c.service, findings.c.signal)
    sums = select(*pair, func.sum(findings.c.bad), func.sum(findings.c.total)).where(findings.c.part == WHOLE)
    rows = tx.execute(sums.group_by(*pair))
    return {(service, signal): Counts(bad, total) for service, signal, bad, total in rows}


def save_state(tx: Connection, service: str, signal: str, window_start: datetime, body: bytes, part: str = "") -> None:
    """Keep an open window's counts, in the transaction that consumes the events."""
    where = _is_window(service, signal, part, window_start)
    if tx.execute(update(signal_state).where(*where).values(body=body)).rowcount == 0:
        values = {"service": service, "signal": signal, "part": part, "window_start": window_start, "body": body}
        tx.execute(insert(signal_state).values(values))


def load_states(tx: Connection) -> list[tuple[str, str, str, datetime, bytes]]:
    """Every open window: service, signal, part, start, counts."""
    rows = tx.execute(select(signal_state))
    return [(row.service, row.signal, row.part, row.window_start, row.body) for row in rows]


def delete_state(tx: Connection, service: str, signal: str, window_start: datetime, part: str = "") -> None:
    """Forget a window's counts, in the transaction that records its finding."""
    tx.execute(delete(signal_state).where(*_is_window(service, signal, part, window_start)))


def _is_window(service: str, signal: str, part: str, window_start: datetime) -> tuple[Any, ...]:
    state = signal_state.c
    return (
        state.service == service,
        state.signal == signal,
        state.part == part,
        state.window_start == window_start,
    )


def save_memories(tx: Connection, service: str, signal: str, memories: Mapping[str, bytes]) -> None:
    """Keep what a detector remembers of each part, and nothing of others."""
    of = (signal_memory.c.service == service, signal_memory.c.signal == signal)
    tx.execute(delete(signal_memory).where(*of))
    rows = [
        {"service": service, "signal": signal, "part": part, "body": body} for part, body in memories.items() if body
    ]
    if rows:
        tx.execute(insert(signal_memory), rows)


def load_memories(tx: Connection) -> list[tuple[str, str, str, bytes]]:
    """All that detectors remember: service, signal, part, and the memory itself."""
    return [(row.service, row.signal, row.part, row.body) for row in tx.execute(select(signal_memory))]


def pairs(tx: Connection, service: str | None = None) -> Iterator[tuple[str, str]]:
    """Every service (or this one) and signal that has findings, in order, by one index look-up each.

    A DISTINCT would read every finding.
    """
    last = (service or "", "")
    while row := tx.execute(_NEXT_PAIR, {"service": last[0], "signal": last[1]}).first():
        if service not in (None, row[0]):
            return
        last = (row[0], row[1])
        yield last


def _latest(tx: Connection, service: str, signal: str) -> Finding:
    return _finding(tx.execute(_LATEST, {"service": service, "signal": signal}).one())


def _written(one: Contributor) -> list[Any]:
    cells = [[cell.what, cell.reference, cell.live] for cell in one.cells]
    return [one.feature, one.score, one.detail, cells, dict(one.shown)]


def _contributor(
    feature: str, score: float, detail: str = "", cells: Sequence[Any] = (), shown: Mapping[str, float] | None = None
) -> Contributor:
    return Contributor(feature, score, detail, tuple(Cell(*cell) for cell in cells), shown or {})


def _finding(row: Sequence[Any]) -> Finding:
    known = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    return Finding(
        known["service"],
        known["signal"],
        known["window_start"],
        known["window_end"],
        Verdict(known["verdict"]),
        known["score"],
        Counts(known["bad"], known["total"]),
        known["reason"],
        tuple(_contributor(*one) for one in known["contributors"]),
        known["part"],
    )
