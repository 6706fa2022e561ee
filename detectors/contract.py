"""What a detector is: it counts batches, adds counts, and judges one closed window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Protocol

from burnline.detectors.columns import Columns
from burnline.detectors.sketch import Sketch
from burnline.events import Contributor, Counts, Verdict

# Standard deviations granted to chance before anything counts as an effect: of a normal, 3.4e-6 lies beyond, about one
# in the 216,000 tests of 25 features and five-minute windows in 30 days. docs/detectors.md has what was measured.
Z = 4.5
CONTRIBUTORS = 10


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a detector says of one window; fields as in `events.Finding`."""

    verdict: Verdict
    score: float | None
    counts: Counts
    reason: str
    contributors: tuple[Contributor, ...] = ()


class Detector(Protocol):
    """One signal of one service. Pure: no clock, no database; the same counts give the same judgement.

    `DETECTORS` in `build.py` names them all; the generic tests run over every one.
    """

    signal: ClassVar[str]
    window: timedelta

    def empty(self) -> Sketch:
        """The counts of no events."""
        ...

    def fold(self, columns: Columns) -> Sketch:
        """The counts of this batch alone."""
        ...

    def judge(self, sketch: Sketch) -> Judgement:
        """The verdict on a window; too few events give NO_DATA, never OK."""
        ...


def no_data(reason: str) -> Judgement:
    """Nothing can be said; nothing is counted."""
    return Judgement(Verdict.NO_DATA, None, Counts(0, 0), reason)


def too_few(events: int, min_events: int, what: str = "events") -> Judgement | None:
    """NO_DATA when a window holds fewer than it needs."""
    if events >= min_events:
        return None
    return no_data(f"{events} {what} in the window; needs {min_events}")
