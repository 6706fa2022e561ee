"""Pages that a library drew of windows in alarm: of each alarm the first and the newest are kept."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from burnline.events import Verdict
from burnline.store.parts import WHOLE
from burnline.store.schema import finding as findings
from burnline.store.schema import finding_page as pages

MOST = 30  # of one signal
LARGEST = 16 * 1024 * 1024  # bytes of one, unpacked
LEVEL = 6


def save_page(tx: Connection, service: str, signal: str, start: datetime, window: timedelta, html: bytes) -> None:
    """Keep the page of a window, in the transaction that records its finding.

    Between the first page of an alarm and the newest the others go; of many alarms the oldest go.
    """
    these = _of(service, signal)
    tx.execute(delete(pages).where(*these, pages.c.window_start == start))
    body = zlib.compress(html, LEVEL)
    tx.execute(insert(pages).values(service=service, signal=signal, window_start=start, body=body))
    kept = page_starts(tx, service, signal)
    gone = set(kept[MOST:])
    if _alarmed(tx, service, signal, start - 2 * window):
        gone.add(start - window)
    if gone:
        tx.execute(delete(pages).where(*these, pages.c.window_start.in_(gone)))


def page_starts(tx: Connection, service: str, signal: str) -> list[datetime]:
    """Starts of the windows that have a page, newest first."""
    query = select(pages.c.window_start).where(*_of(service, signal)).order_by(pages.c.window_start.desc())
    return list(tx.execute(query).scalars())


def pages_between(tx: Connection, service: str, since: datetime, until: datetime) -> list[tuple[str, datetime]]:
    """Signal and start of the windows that have a page and begin in a stretch of time, oldest first."""
    when = (pages.c.window_start >= since, pages.c.window_start <= until)
    query = select(pages.c.signal, pages.c.window_start).where(pages.c.service == service, *when)
    return [(row.signal, row.window_start) for row in tx.execute(query.order_by(pages.c.window_start, pages.c.signal))]


def page_of(tx: Connection, service: str, signal: str, start: datetime) -> bytes | None:
    """The page of a window; None when there is none."""
    query = select(pages.c.body).where(*_of(service, signal), pages.c.window_start == start)
    body = tx.execute(query).scalar_one_or_none()
    return None if body is None else zlib.decompressobj().decompress(body, LARGEST)


def _alarmed(tx: Connection, service: str, signal: str, start: datetime) -> bool:
    these = (findings.c.service == service, findings.c.signal == signal, findings.c.part == WHOLE)
    query = select(findings.c.verdict).where(*these, findings.c.window_start == start)
    verdict = tx.execute(query).scalar_one_or_none()
    return verdict == Verdict.ALARM.value


def _of(service: str, signal: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return pages.c.service == service, pages.c.signal == signal
