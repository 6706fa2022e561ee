"""Has a sample of the answers judged by a model. Whatever becomes of that, no answer waits for it."""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.detectors.grounding.asking import NotJudged, ask
from burnline.detectors.grounding.judge import Budget, Case, Judged
from burnline.events import PredictionBatch, Source
from burnline.metrics import answers
from burnline.spec.answers import HallucinationSpec, JudgeSpec
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.predictions import keep_batch
from burnline.store.series import Point, record

log = logging.getLogger(__name__)

TURN_SECONDS = 5.0
FIRST_WAIT = timedelta(seconds=2)  # before asking again; doubled each time
LONGEST_WAIT = timedelta(minutes=1)
SHARE_BITS = 2**32
VERDICTS: Mapping[bool | None, str] = {True: "ungrounded", False: "grounded", None: "unreadable"}


@dataclass(frozen=True, slots=True)
class _Waiting:
    case: Case
    asked: int = 0
    not_before: datetime | None = None


@dataclass(slots=True)
class _Of:
    """One service: its judge, what waits for it, and what was lost since the last turn."""

    spec: HallucinationSpec
    judge: JudgeSpec
    budget: Budget
    queue: deque[_Waiting] = field(default_factory=deque)
    lost: list[str] = field(default_factory=list)


class Judges:
    """The judges of all services. `offer` comes from the doors and never blocks; `run_once` asks, in its own thread."""

    def __init__(
        self,
        db: Database,
        specs: Sequence[ServiceSpec],
        *,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db, self._elapsed = db, elapsed
        self._lock = threading.Lock()
        self._services = {
            spec.service: _Of(section, section.judge, Budget(section.judge))
            for spec in specs
            if (section := spec.signals.hallucination) and section.judge
        }

    def offer(self, case: Case) -> bool:
        """Take an answer if it is of the sample; whether it was taken. The same answer always is, or never."""
        found = self._services.get(case.service)
        if found is None or not any(map(str.strip, case.sources)):
            return False
        share = zlib.crc32(f"{case.question}\0{case.answer}".encode(errors="replace")) / SHARE_BITS
        if share >= found.spec.sample:
            return False
        with self._lock:
            if len(found.queue) >= found.judge.queue:
                found.lost.append("queue")
                return False
            found.queue.append(_Waiting(case))
        return True

    def run_once(self, now: datetime) -> int:
        """Ask about what waits, for TURN_SECONDS at most. Returns how many verdicts there were.

        Raises: StoreError when a verdict could not be kept; it is lost.
        """
        done, begun = 0, self._elapsed()
        for service, found in self._services.items():
            while waiting := self._next(found, now):
                done += self._ask(service, found, waiting, now)
                if self._elapsed() - begun >= TURN_SECONDS:
                    break
            self._tell_lost(service, found, now)
        return done

    def _next(self, found: _Of, now: datetime) -> _Waiting | None:
        """What is to be asked next, if anything may be."""
        with self._lock:
            for _ in range(len(found.queue)):
                waiting = found.queue.popleft()
                if waiting.not_before and waiting.not_before > now:
                    found.queue.append(waiting)
                elif not found.budget.allows(waiting.case.tokens, now):
                    found.lost.append("budget")
                else:
                    return waiting
        return None

    def _ask(self, service: str, found: _Of, waiting: _Waiting, now: datetime) -> int:
        try:
            judged = ask(found.judge, waiting.case)
        except NotJudged as error:
            found.budget.spend(waiting.case.tokens if error.answered else 0, now)
            self._put_off(service, found, waiting, error, now)
            return 0
        found.budget.spend(judged.input_tokens + judged.output_tokens or waiting.case.tokens, now)
        self._keep(waiting.case, judged, found.judge, now)
        return 1

    def _put_off(self, service: str, found: _Of, waiting: _Waiting, error: NotJudged, now: datetime) -> None:
        if not error.again or waiting.asked >= found.judge.retries:
            log.warning("answer not judged", extra={"service": service, "reason": error.reason})
            found.lost.append(error.reason)
            return
        wait = min(error.wait or FIRST_WAIT * 2**waiting.asked, LONGEST_WAIT)
        with self._lock:
            found.queue.append(replace(waiting, asked=waiting.asked + 1, not_before=now + wait))

    def _keep(self, case: Case, judged: Judged, judge: JudgeSpec, now: datetime) -> None:
        points = [
            Point(answers.JUDGED, {"model": judge.model, "verdict": VERDICTS[judged.ungrounded]}, 1, add=True),
            Point(answers.JUDGE_TOKENS, {"direction": "input"}, judged.input_tokens, add=True),
            Point(answers.JUDGE_TOKENS, {"direction": "output"}, judged.output_tokens, add=True),
        ]
        if cost := judged.cost(judge.price):
            points.append(Point(answers.JUDGE_COST, {"currency": judge.price.currency}, cost, add=True))
        batch = PredictionBatch(case.service, case.version, now, {"judged": [judged.ungrounded]}, [None], [None], [0])

        def work(tx: Connection) -> None:
            record(tx, case.service, points, now)
            if judged.ungrounded is not None:
                keep_batch(tx, batch, now, Source.ANSWERS)

        self._db.write(work)

    def _tell_lost(self, service: str, found: _Of, now: datetime) -> None:
        with self._lock:
            lost, found.lost = found.lost, []
        if lost:
            points = [Point(answers.JUDGE_FAILURES, {"reason": reason}, 1, add=True) for reason in lost]
            self._db.write(lambda tx: record(tx, service, points, now))
