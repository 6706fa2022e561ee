"""The door and the worker behind it: a webhook is committed first, and turned into episodes and runs afterwards."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.alerting.recorder import Recorder, RunbookSource, close_quiet_incidents
from burnline.alerting.webhook import Webhook, body_of, parse_webhook
from burnline.errors import PayloadError, PayloadTooLarge, StoreError
from burnline.events import AlertEvent
from burnline.metrics import Instruments
from burnline.spec.service import ServiceSpec
from burnline.store import timeline
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, InboxRow, accept, mark_dead, mark_done, waiting
from burnline.store.incidents import note_heartbeat, quiet_incidents

log = logging.getLogger(__name__)

WATCHDOG = "Watchdog"  # the alert that always fires, to show that the path from rule to receiver works
ROWS = 200  # read at once
BATCH = 50  # alerts in one transaction, some 50 ms: a webhook that comes meanwhile waits for it
MOST = 5000  # webhooks a turn: the next one has a newer `now`
MOST_SENDERS = 20  # remembered: anybody may claim to be any number of them
FLAP_WINDOW = timedelta(minutes=5)
LOOKBACK = timedelta(hours=2)
Group = list[tuple[InboxRow, Webhook]]


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
    """Works off waiting webhooks, each all or nothing: episodes, incidents, requested runs.

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
        self.truncated = 0  # bodies so far from which alerts were cut off
        self.delivered: dict[str, datetime] = {}  # when each sender delivered last, while this process runs

    def run_once(self, now: datetime) -> int:
        """Work off up to 5,000 webhooks, oldest first, then close the incidents gone quiet; returns how many of both.

        Raises: StoreError when the database fails; the webhook in hand is tried again next time.
        """
        done = 0
        while done < MOST and (rows := self._waiting()):
            for group in _groups(self._read(rows)):
                self._work_on(group, now)
            done += len(rows)
        with self._db.read() as tx:
            quiet = quiet_incidents(tx)
        return done + (self._db.write(lambda tx: close_quiet_incidents(tx, now)) if quiet else 0)

    def _waiting(self) -> list[InboxRow]:
        with self._db.read() as tx:
            return waiting(tx, ALERTS, ROWS)

    def _read(self, rows: Sequence[InboxRow]) -> Iterator[tuple[InboxRow, Webhook]]:
        for row in rows:
            try:
                yield row, parse_webhook(row.body, row.source, row.received_at)
            except PayloadError as error:
                self._quarantine(row, str(error))

    def _work_on(self, group: Group, now: datetime) -> None:
        """Work on rows in one transaction; when something in it breaks, on each in one of its own."""
        try:
            done = self._db.write(lambda tx: self._record(tx, group, now))
        except Exception as error:  # one row that nobody foresaw must not hold up every alert behind it
            if isinstance(error, StoreError) and error.retryable:
                raise
            if len(group) > 1:
                for one in group:
                    self._work_on([one], now)
                return
            log.exception("webhook could not be worked on", extra={"inbox": group[0][0].id})
            self._quarantine(group[0][0], str(error) if isinstance(error, StoreError) else _named(error))
        else:
            for row, webhook in done:
                self._count(row, webhook)

    def _record(self, tx: Connection, group: Group, now: datetime) -> Group:
        """What was done: less than `group` where another process was faster, or a row was only split."""
        with timeline.in_one_statement(tx):
            return self._record_each(tx, group, now)

    def _record_each(self, tx: Connection, group: Group, now: datetime) -> Group:
        self._recorder.begin()
        new = mark_done(tx, *(row.id for row, _ in group))
        done = []
        for row, webhook in group:
            if row.id not in new:
                continue
            _keep_refused(tx, row, webhook)
            if len(webhook.alerts) > BATCH:
                done.append((row, _split(tx, row, webhook)))
                continue
            for alert in webhook.alerts:
                self._deliver(tx, row, alert, now)
            done.append((row, webhook))
        return done

    def _deliver(self, tx: Connection, row: InboxRow, alert: AlertEvent, now: datetime) -> None:
        if alert.labels.get("alertname") != WATCHDOG:
            self._recorder.deliver(tx, alert, now)
        elif alert.ends_at is None:
            note_heartbeat(tx, alert.source, alert.fingerprint, row.received_at)

    def _quarantine(self, row: InboxRow, reason: str) -> None:
        log.warning("webhook quarantined", extra={"inbox": row.id, "source": row.source, "reason": reason})
        if self._db.write(lambda tx: mark_dead(tx, row.id, reason)) and self._instruments:
            self._instruments.dead_letters.labels(row.kind).inc()

    def _count(self, row: InboxRow, done: Webhook) -> None:
        self.truncated += done.truncated > 0
        if done.sender and (done.sender in self.delivered or len(self.delivered) < MOST_SENDERS):
            self.delivered[done.sender] = row.received_at
        for bad in done.refused:
            log.warning("alert quarantined", extra={"inbox": row.id, "source": row.source, "reason": bad.reason})
        if self._instruments:
            self._instruments.dead_letters.labels(row.kind).inc(len(done.refused))
            for alert in done.alerts:
                self._instruments.alerts_received.labels(alert.source, alert.status).inc()


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _groups(webhooks: Iterable[tuple[InboxRow, Webhook]]) -> Iterator[Group]:
    """Rows that together hold at most BATCH alerts; one with more is alone: it is only split."""
    group: Group = []
    alerts = 0
    for row, webhook in webhooks:
        if group and alerts + len(webhook.alerts) > BATCH:
            yield group
            group, alerts = [], 0
        group.append((row, webhook))
        alerts += len(webhook.alerts)
    if group:
        yield group


def _split(tx: Connection, row: InboxRow, webhook: Webhook) -> Webhook:
    """Put the alerts back in rows of BATCH, as they came; returns what is done with: what was refused."""
    for first in range(0, len(webhook.raw), BATCH):
        part = body_of(webhook.raw[first : first + BATCH])
        accept(tx, kind=row.kind, source=row.source, body=part, now=row.received_at)
    return replace(webhook, alerts=())


def _keep_refused(tx: Connection, row: InboxRow, webhook: Webhook) -> None:
    """Each alert that cannot be read becomes a dead letter of its own."""
    for bad in webhook.refused:
        dead = accept(tx, kind=row.kind, source=row.source, body=bad.body, now=row.received_at)
        mark_dead(tx, dead, f"row {row.id}, {bad.reason}")
