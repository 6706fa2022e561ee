"""What a detector is: it counts batches, adds counts, and judges one closed window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Protocol, runtime_checkable

from burnline.detectors.columns import Columns
from burnline.detectors.sketch import Sketch
from burnline.events import Contributor, Counts, Source, Verdict

# Standard deviations granted to chance before anything counts as an effect: of a normal, 3.4e-6 lies beyond, about one
# in the 216,000 tests of 25 features and five-minute windows in 30 days. docs/detectors.md has what was measured.
Z = 4.5
CONTRIBUTORS = 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a detector says of one window; fields as in `events.Finding`.

    Attributes:
        memory: what the next window of the same part is to be judged with; empty where nothing is carried over.
        page: HTML that a library made of a window in alarm; empty where there is none.
    """

    verdict: Verdict
    score: float | None
    counts: Counts
    reason: str
    contributors: tuple[Contributor, ...] = ()
    memory: bytes = b""
    page: bytes = b""


class Detector(Protocol):
    """One signal of one service. Pure: no clock, no database; the same counts give the same judgement.

    `DETECTORS` in `build.py` names them all; the generic tests run over every one.

    Attributes:
        source: which batches it counts.
        additive: bad events of windows add up to those of the windows together. Where they do not (what was bad is
            known of all of them only), a longer time is judged by its own counts. As the signal's section says.
        alone: it needs no reference.

    A window without events is not judged, unless the detector has `judges_silence = True`.
    """

    signal: ClassVar[str]
    source: ClassVar[Source]
    additive: ClassVar[bool]
    alone: ClassVar[bool]
    window: timedelta

    def empty(self) -> Sketch:
        """The counts of no events."""
        ...

    def fold(self, columns: Columns) -> Sketch:
        """The counts of this batch alone."""
        ...

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        """The verdict on a window; too few events give NO_DATA, never OK.

        `memory` is what the judgement of the part's last window left; one that cannot be read counts as none.
        """
        ...

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        """How much worse `candidate` is than `baseline` (two versions, or shadow pairs), beyond the chance of both."""
        ...


@runtime_checkable
class Asking(Protocol):
    """A detector that asks somebody else, which takes a while: its windows are judged when the answer is there."""

    def ready(self, sketch: Sketch) -> bool:
        """Whether `judge` would answer at once; if not, the question has been put now."""
        ...

    def by_counts(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        """What can be said at once of a version or a slice."""
        ...

    def counted(self, sketch: Sketch) -> Sketch:
        """The counts of a slice, without what only the question about all events needs."""
        ...


def no_data(reason: str) -> Judgement:
    """Nothing can be said; nothing is counted."""
    return Judgement(Verdict.NO_DATA, None, Counts(0, 0), reason)


def judged(
    score: float, counts: Counts, reason: str, contributors: Sequence[Contributor] = (), *, limit: float = 0.0
) -> Judgement:
    """A window with a score: in ALARM over `limit`."""
    return Judgement(Verdict.ALARM if score > limit else Verdict.OK, score, counts, reason, tuple(contributors))


def too_few(events: int, min_events: int, what: str = "events") -> Judgement | None:
    """NO_DATA when a window holds fewer than it needs."""
    if events >= min_events:
        return None
    return no_data(f"{events} {what} in the window; needs {min_events}")


def too_few_of_two(baseline: int, candidate: int, min_events: int, what: str = "events") -> Judgement | None:
    """NO_DATA when one of two versions that are compared has fewer than a window needs."""
    for events, whose in ((baseline, "baseline"), (candidate, "candidate")):
        if events < min_events:
            return no_data(f"{events} {what} in the window are of the {whose}; needs {min_events}")
    return None
