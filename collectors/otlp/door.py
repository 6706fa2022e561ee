"""The doors of OTLP: a body becomes counts in memory, then one write. What they acknowledge is counted, once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Literal

from sqlalchemy import Connection

from burnline.collectors.otlp import logs, metrics, traces
from burnline.collectors.otlp.answered import Offer, batch_of
from burnline.collectors.otlp.content import Scorer
from burnline.collectors.otlp.growth import MOST_STREAMS, grow
from burnline.collectors.otlp.labels import MOST_HISTOGRAMS, MOST_SETS, LabelSets, base
from burnline.collectors.otlp.seen import Seen
from burnline.collectors.otlp.sheet import Receipt, Services, Sheet
from burnline.collectors.otlp.tally import Fit
from burnline.collectors.otlp.wire import Refused, Wire
from burnline.events import Source
from burnline.exposition.exemplars import Exemplars
from burnline.metrics import answers, genai, otlp
from burnline.spec.service import ServiceSpec
from burnline.store import series, streams
from burnline.store import traces as kept_traces
from burnline.store.database import Database
from burnline.store.predictions import keep_batch

Signal = Literal["traces", "logs", "metrics"]
DOORS: Mapping[str, str] = dict(zip(("traces", "logs", "metrics"), streams.OTLP_DOORS, strict=True))
HISTOGRAMS = frozenset({otlp.SPAN_DURATION, *genai.BOUNDS, answers.LENGTH, answers.SUPPORT})


class OtlpDoor:
    """What the three doors share: whose names are whose, what was seen, which series there are."""

    def __init__(
        self,
        db: Database,
        specs: tuple[ServiceSpec, ...],
        exemplars: Exemplars | None = None,
        scorer: Scorer | None = None,
        offer: Offer | None = None,
    ) -> None:
        self._db = db
        self._scorer = scorer
        self._offer = offer
        self._exemplars = exemplars or Exemplars()
        self._services = Services(specs)
        self._seen = Seen()
        self._sets = LabelSets(db)

    def accept(self, signal: Signal, wire: Wire, body: bytes, now: datetime) -> Receipt:
        """Count a decompressed body; it is durable on return.

        A body that was counted before, byte for byte, is not counted again: its answer got lost.

        Raises: PayloadError for a body that is none of this signal, StoreError when nothing could be kept.
        """
        take: Callable[[Wire, bytes, str, datetime], Receipt] = getattr(self, f"_{signal}")
        return take(wire, body, hashlib.sha256(body).hexdigest(), now)

    def _traces(self, wire: Wire, body: bytes, key: str, now: datetime) -> Receipt:
        sheet, marks = traces.fold(wire, wire.traces(body), self._services, self._seen, now, self._scorer)
        receipt = self._keep("traces", sheet, key, now)
        self._seen.remember(marks)
        return receipt

    def _logs(self, wire: Wire, body: bytes, key: str, now: datetime) -> Receipt:
        sheet, marks = logs.fold(wire, wire.logs(body), self._services, self._seen, self._scorer)
        receipt = self._keep("logs", sheet, key, now)
        self._seen.remember(marks)
        return receipt

    def _metrics(self, wire: Wire, body: bytes, key: str, now: datetime) -> Receipt:
        sheet, readings, gauges = metrics.read(wire, wire.metrics(body), self._services, self._sets)

        def work(tx: Connection) -> int | None:
            if not series.take_key(tx, DOORS["metrics"], key, now):
                return None
            lost = 0
            for service, points, without_room in grow(tx, readings, now):
                series.record(tx, service, points, now)
                lost += without_room
            streams.set_gauges(tx, gauges, now)
            return lost

        lost = self._db.write(work) if readings or gauges else 0
        if lost is not None:
            for reading in readings:
                self._exemplars.note(reading.service, reading.marked(), now)
        if lost:
            sheet.refuse(Refused("streams", f"a service has {MOST_STREAMS:,} streams of metrics already"), lost)
        return _once(sheet, again=lost is None)

    def _keep(self, signal: Signal, sheet: Sheet, key: str, now: datetime) -> Receipt:
        points = {service: list(tally.points(self._fit(service))) for service, tally in sheet.tallies.items()}

        def work(tx: Connection) -> bool:
            if not series.take_key(tx, DOORS[signal], key, now):
                return False
            for service, moved in sorted(points.items()):
                series.record(tx, service, moved, now)
                for model, scored in sheet.tallies[service].answers.items():
                    answered = batch_of(service, model, scored, now, ())
                    keep_batch(tx, answered, now, Source.ANSWERS)
            kept_traces.keep(tx, sheet.traces)
            return True

        again = any(points.values()) and not self._db.write(work)
        if self._offer and not again:
            for service, tally in sheet.tallies.items():
                for model, found in tally.texts.items():
                    for each in found:
                        self._offer(service, model, each.sources, each.question, each.answer)
        for service, tally in sheet.tallies.items() if not again else ():
            self._exemplars.note(service, tally.exemplars(self._fit(service)), now)
        return _once(sheet, again=again)

    def _fit(self, service: str) -> Fit:
        return partial(self._fold, service)

    def _fold(self, service: str, name: str, labels: Mapping[str, str]) -> Mapping[str, str]:
        most = MOST_HISTOGRAMS if name in HISTOGRAMS else MOST_SETS
        return self._sets.fold(service, base(name), labels, most=most)


def _once(sheet: Sheet, *, again: bool) -> Receipt:
    """What to say of a body; one that came again was counted before, all of it."""
    if again:
        sheet.again += sum(sheet.accepted.values())
        sheet.accepted.clear()
    return sheet.receipt()
