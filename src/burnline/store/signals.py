"""Signals: the counts of open windows, and the findings on closed ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, tuple_, update

from burnline.events import Contributor, Counts, Finding, Verdict
from burnline.store.schema import finding as findings
from burnline.store.schema import signal_state

_COLUMNS = [column for column in findings.c if column.name != "id"]


def record_finding(tx: Connection, finding: Finding) -> int:
    """Keep what a detector said of a closed window and return its id; ids grow in commit order."""
    values = {
        "service": finding.service,
        "signal": finding.signal,
        "window_start": finding.window_start,
        "window_end": finding.window_end,
        "verdict": finding.verdict.value,
        "score": finding.score,
        "bad": finding.counts.bad,
        "total": finding.counts.total,
        "reason": finding.reason,
        "contributors": [[one.feature, one.score, one.detail] for one in finding.contributors],
    }
    return int(tx.execute(insert(findings).values(values).returning(findings.c.id)).scalar_one())


def findings_after(tx: Connection, finding_id: int, limit: int) -> list[tuple[int, Finding]]:
    """Findings with a larger id, oldest first: a reader keeps the last id it saw as its position."""
    query = select(findings.c.id, *_COLUMNS).where(findings.c.id > finding_id).order_by(findings.c.id).limit(limit)
    return [(row[0], _finding(*row[1:])) for row in tx.execute(query)]


def latest_findings(tx: Connection, service: str | None = None) -> list[Finding]:
    """The newest finding of every signal, of one service or of all, in order of service and signal."""
    return [_latest(tx, *pair) for pair in pairs(tx) if service in (None, pair[0])]


def findings_between(tx: Connection, service: str, signal: str, since: datetime, until: datetime) -> list[Finding]:
    """Findings on windows that start at or after `since` and end by `until`, oldest first."""
    query = select(*_COLUMNS).where(
        findings.c.service == service,
        findings.c.signal == signal,
        findings.c.window_start >= since,
        findings.c.window_end <= until,
    )
    return [_finding(*row) for row in tx.execute(query.order_by(findings.c.window_start))]


def event_totals(tx: Connection) -> dict[tuple[str, str], Counts]:
    """Bad and total events of every finding kept, per service and signal."""
    pair = (findings.c.service, findings.c.signal)
    rows = tx.execute(select(*pair, func.sum(findings.c.bad), func.sum(findings.c.total)).group_by(*pair))
    return {(service, signal): Counts(bad, total) for service, signal, bad, total in rows}


def save_state(tx: Connection, service: str, signal: str, window_start: datetime, body: bytes) -> None:
    """Keep an open window's counts, in the transaction that consumes the events."""
    where = _is_window(service, signal, window_start)
    if tx.execute(update(signal_state).where(*where).values(body=body)).rowcount == 0:
        values = {"service": service, "signal": signal, "window_start": window_start, "body": body}
        tx.execute(insert(signal_state).values(values))


def load_states(tx: Connection) -> list[tuple[str, str, datetime, bytes]]:
    """Every open window: service, signal, start, counts."""
    return [(row.service, row.signal, row.window_start, row.body) for row in tx.execute(select(signal_state))]


def delete_state(tx: Connection, service: str, signal: str, window_start: datetime) -> None:
    """Forget a window's counts, in the transaction that records its finding."""
    tx.execute(delete(signal_state).where(*_is_window(service, signal, window_start)))


def _is_window(service: str, signal: str, window_start: datetime) -> tuple[Any, ...]:
    state = signal_state.c
    return (state.service == service, state.signal == signal, state.window_start == window_start)


def pairs(tx: Connection) -> Iterator[tuple[str, str]]:
    """Every service and signal that has findings, by one index look-up each: a DISTINCT would read every finding."""
    pair = (findings.c.service, findings.c.signal)
    last = ("", "")
    while row := tx.execute(select(*pair).where(tuple_(*pair) > last).order_by(*pair).limit(1)).first():
        last = (row[0], row[1])
        yield last


def _latest(tx: Connection, service: str, signal: str) -> Finding:
    query = select(*_COLUMNS).where(findings.c.service == service, findings.c.signal == signal)
    return _finding(*tx.execute(query.order_by(findings.c.window_start.desc()).limit(1)).one())


def _finding(
    service: str,
    signal: str,
    window_start: datetime,
    window_end: datetime,
    verdict: str,
    score: float | None,
    bad: float,
    total: float,
    reason: str,
    contributors: list[tuple[str, float, str]],
) -> Finding:
    named = tuple(Contributor(*one) for one in contributors)
    return Finding(
        service, signal, window_start, window_end, Verdict(verdict), score, Counts(bad, total), reason, named
    )
