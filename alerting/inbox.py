"""The door and the worker behind it: a webhook is committed first, and turned into episodes and runs afterwards."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.alerting.recorder import Recorder, RunbookSource, close_quiet_incidents
from burnline.alerting.webhook import parse_webhook
from burnline.errors import PayloadError, PayloadTooLarge, StoreError
from burnline.events import AlertEvent
from burnline.metrics import Instruments
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, InboxRow, accept, mark_dead, mark_done, waiting
from burnline.store.incidents import note_heartbeat, quiet_incidents

log = logging.getLogger(__name__)

WATCHDOG = "Watchdog"  # the alert that always fires, to show that the path from rule to receiver works
BATCH = 100  # at once: more would keep the doors waiting
MOST = 1000  # a turn: the next one has a newer `now`
MAX_AHEAD = timedelta(days=1)
FLAP_WINDOW = timedelta(minutes=5)
LOOKBACK = timedelta(hours=2)


def submit_webhook(db: Database, body: bytes, *, source: str, now: datetime, limit_bytes: int) -> Future[int]:
    """Queue one Alertmanager body for the inbox, unread; the future has its row id once it is committed.

    Raises: PayloadTooLarge over `limit_bytes`; through the future, StoreError when it could not be kept (answer 503:
    it is sent again).
    """
    if len(body) > limit_bytes:
        raise PayloadTooLarge(f"the body has {len(body)} bytes; at most {limit_bytes} are accepted")
    return db.submit(lambda tx: accept(tx, kind=ALERTS, source=source, body=body, now=now))


def accept_webhook(db: Database, body: bytes, *, source: str, now: datetime, limit_bytes: int) -> int:
    """As `submit_webhook`, but waits: it is durable on return."""
    return submit_webhook(db, body, source=source, now=now, limit_bytes=limit_bytes).result()


class AlertWorker:
    """Works off waiting webhooks, each in one transaction: episodes, incidents, requested runs.

    Args:
        flap_window: an alert that fires again this soon after its end continues its old episode.
        lookback: releases seen this long before an incident are put on its timeline.
    """

    def __init__(
        self,
        db: Database,
        specs: Sequence[ServiceSpec],
        catalogue: RunbookSource,
        instruments: Instruments | None = None,
        *,
        flap_window: timedelta = FLAP_WINDOW,
        lookback: timedelta = LOOKBACK,
    ) -> None:
        self._db = db
        self._recorder = Recorder(specs, catalogue, flap_window=flap_window, lookback=lookback)
        self._instruments = instruments

    def run_once(self, now: datetime) -> int:
        """Work off up to 1,000 webhooks, oldest first, then close the incidents gone quiet; returns how many of both.

        Raises: StoreError when the database fails; the webhook in hand is tried again next time.
        """
        done = 0
        while done < MOST and (rows := self._waiting()):
            # submitted together, each still all or nothing, they share one fsync
            for row, alerts, recorded in [self._submit(row, now) for row in rows]:
                self._settle(row, alerts, recorded)
            done += len(rows)
        with self._db.read() as tx:
            quiet = quiet_incidents(tx)
        return done + (self._db.write(lambda tx: close_quiet_incidents(tx, now)) if quiet else 0)

    def _waiting(self) -> list[InboxRow]:
        with self._db.read() as tx:
            return waiting(tx, ALERTS, BATCH)

    def _submit(self, row: InboxRow, now: datetime) -> tuple[InboxRow, Sequence[AlertEvent], Future[None]]:
        try:
            alerts = _read(row)
        except PayloadError as error:
            unread: Future[None] = Future()
            unread.set_exception(error)
            return row, (), unread
        return row, alerts, self._db.submit(lambda tx: self._record(tx, row, alerts, now))

    def _settle(self, row: InboxRow, alerts: Sequence[AlertEvent], recorded: Future[None]) -> None:
        try:
            recorded.result()
        except PayloadError as error:
            self._quarantine(row, str(error))
        except StoreError as error:
            if error.retryable:
                raise
            self._quarantine(row, str(error))
        except Exception as error:  # one row that nobody foresaw must not hold up every alert behind it
            log.exception("webhook could not be worked on", extra={"inbox": row.id})
            self._quarantine(row, f"{type(error).__name__}: {error}")
        else:
            self._count(alerts)

    def _record(self, tx: Connection, row: InboxRow, alerts: Sequence[AlertEvent], now: datetime) -> None:
        for alert in alerts:
            if alert.labels.get("alertname") != WATCHDOG:
                self._recorder.deliver(tx, alert, now)
            elif alert.ends_at is None:
                note_heartbeat(tx, alert.source, alert.fingerprint, row.received_at)
        mark_done(tx, row.id)

    def _quarantine(self, row: InboxRow, reason: str) -> None:
        log.warning("webhook quarantined", extra={"inbox": row.id, "source": row.source, "reason": reason})
        self._db.write(lambda tx: mark_dead(tx, row.id, reason))
        if self._instruments:
            self._instruments.dead_letters.labels(row.kind).inc()

    def _count(self, alerts: Sequence[AlertEvent]) -> None:
        if self._instruments:
            for alert in alerts:
                self._instruments.alerts_received.labels(alert.source, alert.status).inc()


def _read(row: InboxRow) -> tuple[AlertEvent, ...]:
    """The row's alerts. One from the future would make every later delivery look late: its body is refused."""
    alerts = parse_webhook(row.body, row.source)
    latest = row.received_at + MAX_AHEAD
    for n, alert in enumerate(alerts):
        if max(alert.starts_at, alert.ends_at or alert.starts_at) > latest:
            raise PayloadError(f"alerts[{n}]: is dated more than a day after its arrival; check the sender's clock")
    return alerts
