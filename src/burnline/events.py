"""What crosses a folder: frozen records, no behaviour beyond the obvious.

Times are aware UTC datetimes; durations are `timedelta`; ratios are in [0, 1] unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import compress
from typing import Any, NamedTuple

MAX_DIMENSION = 4096  # coordinates of one embedding


class Sample(NamedTuple):
    """One value of one series at one moment, as a scrape gives it; a tuple is made in half of a dataclass's time."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Events in a span of time: `bad` of `total`. Both may be fractional (a drift score splits events)."""

    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Collection:
    """What one collector gave in one turn.

    Attributes:
        samples: empty unless `ok`.
        nothing: there was nothing to read.
        unasked: nor did anybody declare that there would be; such a turn is not shown.
        measured: burnline measured them itself, so its own /metrics passes them on.
        made: names of burnline's own series among the samples of a page, made of its others; passed on as well.
        notes: for people, what could not be read although the turn succeeded.
        reason: the kind of `error`, one of collectors/reasons.py.
        beyond_budget: by metric name, how many series were more than may be, and were folded or left out.
    """

    service: str
    collector: str
    target: str
    at: datetime
    duration_seconds: float
    ok: bool
    samples: tuple[Sample, ...] = ()
    error: str = ""
    nothing: bool = False
    unasked: bool = False
    measured: bool = False
    made: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    reason: str = ""
    beyond_budget: Mapping[str, int] = field(default_factory=dict)


class Source(StrEnum):
    """What a detector counts. All of them come as batches of one type, each kind with columns of its own."""

    PREDICTIONS = "predictions"
    LABELS = "labels"  # predictions whose label came: prediction, confidence, label; slices as features
    ANSWERS = "answers"  # numbers about answers of generative AI as features, never their texts
    SAMPLES = "samples"  # per feature of a joined sample: does the training side differ?


class Verdict(StrEnum):
    """What a detector says of one closed window. NO_DATA is never healthy."""

    OK = "ok"
    ALARM = "alarm"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a feature in a finding: its share of the reference's events and of the window's, in [0, 1].

    `reference` is None where nothing was compared: no share is known, which is not 0.
    """

    what: str
    reference: float | None
    live: float


@dataclass(frozen=True, slots=True)
class Contributor:
    """One feature's share in a finding, worst first.

    Attributes:
        cells: its values in the reference and in the window, for a picture; empty where there is none.
        shown: numbers beside the score for those who know them, by name, such as `psi`.
    """

    feature: str
    score: float
    detail: str = ""
    cells: tuple[Cell, ...] = ()
    shown: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal, one service, one closed window.

    Attributes:
        score: in [0, 1], 0 is best; None when the verdict is NO_DATA.
        counts: events an SLO can count; total is 0 when the verdict is NO_DATA.
        reason: one sentence for a person.
        part: empty for all events; `version=7` or `country=DE` for those of a version or slice. SLOs and alerts
            count all events.
    """

    service: str
    signal: str
    window_start: datetime
    window_end: datetime
    verdict: Verdict
    score: float | None
    counts: Counts
    reason: str
    contributors: tuple[Contributor, ...] = ()
    part: str = ""


class Mismatch(StrEnum):
    """How a feature that was served differs from what training has for the same event."""

    NOT_SERVED = "missing when served"
    NOT_TRAINED = "missing in training"
    TYPE = "of another type"
    SIGN = "of the opposite sign"
    TIMES_10 = "10 times what training has"
    TIMES_100 = "100 times what training has"
    TIMES_1000 = "1,000 times what training has"
    TENTH = "a tenth of what training has"
    HUNDREDTH = "a hundredth of what training has"
    THOUSANDTH = "a thousandth of what training has"
    OTHER = "another value"


@dataclass(frozen=True, slots=True)
class AnswerScore:
    """What the text of one answer of generative AI says of itself; nothing of the text is in it.

    Attributes:
        empty: it has neither a letter nor a digit.
        refused: it declines to answer.
        support: share of its content that the sources hold; None without sources or content, or when it declines.
        unsupported: how many of its different words with content, numbers and names they do not.
        ungrounded: from 0 to 1, how far it goes beyond its sources (tier 0 of detectors/grounding); None as `support`.
    """

    characters: int
    empty: bool
    refused: bool
    support: float | None
    unsupported: int
    ungrounded: float | None = None


class SloState(StrEnum):
    """Four states, never three: no data is its own state."""

    OK = "ok"
    AT_RISK = "at_risk"  # a ticket tier is burning, or under a tenth of the budget is left
    BREACHED = "breached"  # a page tier is burning, or the budget is gone
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Burn:
    """One alerting tier of one SLO at one moment; a rate is None while its window has no data.

    Attributes:
        long_sli, short_sli: good share of the events in the window; None without events, or where it is not known.
    """

    tier: str
    severity: str
    factor: float
    long_window: timedelta
    short_window: timedelta
    long_rate: float | None
    short_rate: float | None
    firing: bool
    long_sli: float | None = None
    short_sli: float | None = None


@dataclass(frozen=True, slots=True)
class SloStatus:
    """An SLO as the engine sees it now.

    Attributes:
        window: its length; of a calendar period the nominal one, 30d for a month.
        sli: good share of events over `window`, or since the calendar period began; None without events.
        counts: events over the same time.
        budget_remaining: 1 is untouched, 0 is spent, negative is overspent; None without events.
        exhausted_in: time until the budget is gone at the present rate; None when it is not being spent
            faster than it returns.
        cause: why the state is UNKNOWN and what to do about it; empty otherwise.
        since: when counting began, while that is less than `window` ago; None later, or where it is not known.
        period: `month (Europe/Berlin)`; empty for a rolling window.
        resets_at: when that period ends and the budget is whole again.
        excluded: why nothing counts now, and until when; empty otherwise.
    """

    service: str
    slo: str
    at: datetime
    state: SloState
    objective: float
    window: timedelta
    sli: float | None
    counts: Counts
    budget_remaining: float | None
    exhausted_in: timedelta | None
    burns: tuple[Burn, ...]
    cause: str = ""
    since: datetime | None = None
    period: str = ""
    resets_at: datetime | None = None
    excluded: str = ""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One alert of one Alertmanager webhook (version 4). Every field is hostile data."""

    source: str
    fingerprint: str
    status: str  # "firing" | "resolved"
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    generator_url: str = ""


class RunState(StrEnum):
    """Where a run of a runbook stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # for an approval, or for `wake_at`
    FINISHED = "finished"


class Outcome(StrEnum):
    """How a run ended."""

    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    NO_DATA = "no_data"  # nothing could be verified: never counts as recovered
    WORSE = "worse"
    SKIPPED = "skipped"  # a guard said no, or another run already holds the target
    REJECTED = "rejected"  # a person said no, or nobody said yes in time
    FAILED = "failed"
    DEAD = "dead"  # crashed its worker too often


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that should exist: made once per (episode, runbook).

    Attributes:
        approvers: who may approve, and where each is asked; empty is anybody.
        drill: it may reach nothing but what the service file names for drills.
    """

    service: str
    runbook: str
    episode_id: int
    incident_id: int
    approval: str  # "none" | "one" | "two" | "three"
    params: Mapping[str, Any] = field(default_factory=dict)
    approvers: Mapping[str, str | None] = field(default_factory=dict)
    drill: bool = False


class StepState(StrEnum):
    """Where one attempt of one step stands. STARTED in the database after a crash means: in doubt."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PredictionBatch:
    """Accepted predictions of one service and model version, in columns of one length.

    Attributes:
        features: per feature one value per event; None is missing.
        prediction: the model's answer per event (label or number); None when not sent.
        confidence: in [0, 1] per event; None when not sent.
        unknown_features: per event, how many features were sent that the reference does not know.
        at: per event, its own time in microseconds since 1970; empty where all of them are of `received_at`.
        label: per event, what turned out to be true; empty but in batches of labels.
        embedding: per event a vector as little-endian float32, None without; empty where no event has one.
        strangers: some names of features that the reference does not know; per event, whether it had them.
        shadow: nobody got these answers: others of the same events were served.
    """

    service: str
    version: str
    received_at: datetime
    features: Mapping[str, list[float | str | bool | None]]
    prediction: list[float | str | None]
    confidence: list[float | None]
    unknown_features: list[int]
    at: list[int] = field(default_factory=list)
    label: list[float | str | None] = field(default_factory=list)
    embedding: list[bytes | None] = field(default_factory=list)
    strangers: Mapping[str, list[bool]] = field(default_factory=dict)
    shadow: bool = False

    def __len__(self) -> int:
        return len(self.prediction)

    def where(self, kept: Sequence[bool]) -> PredictionBatch:
        """The events for which `kept` is true."""
        if all(kept):
            return self
        return PredictionBatch(
            self.service,
            self.version,
            self.received_at,
            {name: list(compress(column, kept)) for name, column in self.features.items()},
            list(compress(self.prediction, kept)),
            list(compress(self.confidence, kept)),
            list(compress(self.unknown_features, kept)),
            list(compress(self.at, kept)),
            list(compress(self.label, kept)),
            list(compress(self.embedding, kept)),
            {name: list(compress(column, kept)) for name, column in self.strangers.items()},
            self.shadow,
        )


class GuardVerdict(StrEnum):
    """What a guard says of a release. NO_DATA and INCONCLUSIVE are never a pass."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"


class ReleaseState(StrEnum):
    """Where a release under guard stands; the last three are the end."""

    MOVING = "moving"  # a run gives the new version its share of the traffic
    BAKING = "baking"  # it is watched
    REVIEW = "review"  # a person must say promote or abort; it is watched on
    PROMOTING = "promoting"  # a run gives it all the traffic
    ABORTING = "aborting"  # a run takes it back
    PROMOTED = "promoted"
    ABORTED = "aborted"
    FAILED = "failed"  # it could not be taken back, or not be given its traffic: a person must look

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self in (ReleaseState.PROMOTED, ReleaseState.ABORTED, ReleaseState.FAILED)

    @property
    def acting(self) -> bool:
        """Whether a run is at work for it."""
        return self in (ReleaseState.MOVING, ReleaseState.PROMOTING, ReleaseState.ABORTING)
