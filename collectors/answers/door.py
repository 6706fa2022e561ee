"""The door for answers with their texts: scored here, they go no further. What it acknowledges is committed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET
from sqlalchemy import Connection

from burnline.collectors.answers.read import Answer, Given, read_answers
from burnline.collectors.otlp.answered import Offer, Scored, batch_of, mean_logprob
from burnline.collectors.otlp.content import Scorer, count
from burnline.collectors.otlp.tally import Tally
from burnline.collectors.predictions.events import Known, Refusal, Sent, check_key
from burnline.collectors.predictions.posted import listed
from burnline.events import Source
from burnline.spec.telemetry import ContentSpec
from burnline.store.database import Database
from burnline.store.predictions import keep_batch
from burnline.store.series import record, take_key

ANYTHING = ContentSpec(sample=1.0)
UNKNOWN = "unknown"
Consistency = Callable[[Sequence[str], str], float | None]  # other answers, the answer


@dataclass(frozen=True, slots=True)
class AnswerReceipt:
    """How many answers were kept; `refused` lists the first hundred of `refused_count`.

    Attributes:
        ungrounded: of each accepted answer the score, for its sender to act on; None where nothing can be said.
        duplicates: the batch's key was there before; its answers are scored again and counted no second time.
    """

    service: str
    accepted: int
    refused: tuple[Refusal, ...]
    refused_count: int
    duplicates: int
    ungrounded: tuple[float | None, ...]


def accept_answers(
    db: Database,
    sent: Sent,
    *,
    now: datetime,
    known: Known,
    contents: Mapping[str, ContentSpec | None],
    scorer: Scorer,
    consistency: Consistency,
    offer: Offer | None = None,
) -> AnswerReceipt:
    """Score the well-formed answers of a body and keep what was found; it is durable on return.

    `contents` says by service from what support on an answer counts as supported; `offer` shows each to a judge.

    Raises: PayloadError when the body as a whole cannot be used, StoreError when nothing could be kept.
    """
    check_key(sent.key)
    given = read_answers(sent, known)
    scored = [_scored(answer, scorer, consistency) for answer in given.answers]
    fresh = not scored or db.write(
        lambda tx: _keep(tx, given, scored, now, known, contents.get(given.service) or ANYTHING, sent.key)
    )
    if offer and fresh:
        for answer in given.answers:
            sources = [] if answer.sources is UNSET else answer.sources
            offer(given.service, given.version, sources, answer.question, answer.answer)
    return AnswerReceipt(
        given.service,
        len(scored) if fresh else 0,
        listed(given.refused),
        len(given.refused),
        0 if fresh else len(scored),
        tuple(each.score.ungrounded for each in scored),
    )


def _scored(answer: Answer, scorer: Scorer, consistency: Consistency) -> Scored:
    sources = None if answer.sources is UNSET else answer.sources
    retrieved = answer.retrieved
    if retrieved is None and sources is not None:
        retrieved = sum(bool(each.strip()) for each in sources)
    return Scored(
        scorer(answer.question, sources or (), answer.answer),
        retrieved,
        {
            "refused": answer.refused,
            "toxic": answer.toxic,
            "guardrail": answer.guardrail,
            "language": answer.language,
            "logprob": mean_logprob(answer.logprobs),
            "inconsistent": consistency(answer.others, answer.answer) if answer.others else None,
        },
        answer.features,
    )


def _keep(
    tx: Connection, given: Given, scored: Sequence[Scored], now: datetime, known: Known, content: ContentSpec, key: str
) -> bool:
    hashed = hashlib.sha256(key.encode()).hexdigest() if key else ""
    if not take_key(tx, f"answers:{given.service}", hashed, now):
        return False
    slices = known[given.service].events.slices
    keep_batch(tx, batch_of(given.service, given.version, scored, now, slices), now, Source.ANSWERS)
    tally = Tally()
    labels = {"provider": given.provider or UNKNOWN, "model": given.version or UNKNOWN}
    for each in scored:
        count(tally, each.score, content, labels)
    record(tx, given.service, tally.points(lambda _, plain: plain), now)
    return True
