"""Signals after the clock was set back: what was found of times that are still to come would hide all that comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from burnline.events import Verdict
from burnline.store.parts import WHOLE
from burnline.store.schema import EPOCH, finding, finding_page, signal_state
from burnline.store.signals import latest_findings

TOLERATED = timedelta(hours=1)  # a signal just waits for so long until the clock has caught up
REASON = "burnline's clock was ahead: what was found at times still to come is taken back, its events are counted here"


def take_back(tx: Connection, now: datetime) -> int:
    """Take back findings of times still to come, where a signal has some that end over TOLERATED after `now`.

    Their events stay in the signal's totals, which are counters and never fall: they are those of one finding without
    data, which ends now. Windows that were open then are the next ones from now on. Returns for how many signals.
    """
    ahead = [found for found in latest_findings(tx) if found.window_end > now + TOLERATED]
    for found in ahead:
        _take_back(tx, found.service, found.signal, found.window_end - found.window_start, now)
    return len(ahead)


def _take_back(tx: Connection, service: str, signal: str, window: timedelta, now: datetime) -> None:
    ends = now - (now - EPOCH) % window
    of = (finding.c.service == service, finding.c.signal == signal)
    wrong = tx.execute(select(finding).where(*of, finding.c.part == WHOLE, finding.c.window_end > now)).all()
    tx.execute(delete(finding).where(*of, finding.c.window_end > now))
    pages = (finding_page.c.service == service, finding_page.c.signal == signal)
    tx.execute(delete(finding_page).where(*pages, finding_page.c.window_start > now - window))
    _count_at(tx, service, signal, ends - window, ends, wrong)
    _reopen(tx, service, signal, window, ends)


def _count_at(tx: Connection, service: str, signal: str, start: datetime, end: datetime, wrong: Sequence[Any]) -> None:
    """Their events in the finding on the window that ended last; where there is none, in one without data."""
    bad, total = sum(row.bad for row in wrong), sum(row.total for row in wrong)
    key = {"service": service, "signal": signal, "part": WHOLE, "window_start": start}
    this = [finding.c[name] == value for name, value in key.items()]
    more = {"bad": finding.c.bad + bad, "total": finding.c.total + total}
    if tx.execute(update(finding).where(*this).values(more)).rowcount:
        return
    said: dict[str, Any] = {"verdict": Verdict.NO_DATA.value, "score": None, "reason": REASON, "contributors": []}
    tx.execute(insert(finding).values(**key, window_end=end, bad=bad, total=total, **said))


def _reopen(tx: Connection, service: str, signal: str, window: timedelta, start: datetime) -> None:
    state = signal_state.c
    these = (state.service == service, state.signal == signal, state.window_start >= start)
    begun = list(tx.scalars(select(state.window_start).where(*these).distinct().order_by(state.window_start)))
    for place, known in enumerate(begun):  # in order and never to later, so that none moves upon another
        moved = update(signal_state).where(*these[:2], state.window_start == known)
        tx.execute(moved.values(window_start=start + place * window))
