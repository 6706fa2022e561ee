"""What a detector is asked for, where it may fail: one that does must not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from burnline.detectors.columns import Columns
from burnline.detectors.contract import Asking, Detector, Judgement, no_data
from burnline.detectors.parts import whole
from burnline.detectors.progress import Progress
from burnline.detectors.sketch import Sketch
from burnline.events import Counts, Verdict
from burnline.store.parts import WHOLE, is_version

log = logging.getLogger(__name__)


def folded(detector: Detector, columns: Columns, service: str, part: str) -> Sketch | None:
    """The counts of a part's events; None where they cannot be counted."""
    try:
        sketch = detector.fold(columns)
        if isinstance(detector, Asking):
            return sketch if is_version(part) else detector.counted(sketch)
        return detector.empty() + sketch  # here what does not add up costs this batch; in the window it would cost all
    except Exception:  # one detector or batch must not stop the others
        log.exception("batch not counted", extra={"service": service, "signal": detector.signal})
        return None


def ready(detector: Detector | None, known: Progress, ended: Sequence[datetime]) -> list[datetime]:
    """Those before the first that somebody else is still at work on; that one and the rest come later."""
    if not isinstance(detector, Asking):
        return list(ended)
    sketches = [whole(known.sketches.get(start, {})) for start in ended]
    waits = (at for at, sketch in enumerate(sketches) if sketch is not None and not _answers(detector, sketch))
    return list(ended[: next(waits, len(ended))])


def _answers(detector: Asking, sketch: Sketch) -> bool:
    try:
        return detector.ready(sketch)
    except Exception:  # one detector must not stop the others; judging says why
        log.exception("detector not asked")
        return True


def judgement(detector: Detector, sketch: Sketch, memory: bytes, part: str = WHOLE) -> Judgement:
    """What it says of a window of a part; NO_DATA with what went wrong where it fails."""
    judge = detector.by_counts if part != WHOLE and isinstance(detector, Asking) else detector.judge
    try:
        return judge(sketch, memory)
    except Exception as error:  # one detector must not stop the others
        log.exception("window not judged", extra={"signal": detector.signal})
        return no_data(f"the detector failed: {error!r}")


def compared(detector: Detector, baseline: Sketch, candidate: Sketch) -> Judgement:
    """What it says of two parts; as above where it fails."""
    try:
        return detector.compare(baseline, candidate)
    except Exception as error:  # as above
        log.exception("versions not compared", extra={"signal": detector.signal})
        return no_data(f"the detector failed: {error!r}")


def with_events(said: Judgement, sketch: Sketch) -> Judgement:
    """A part in alarm by too few events to count: how many there were. No SLO counts events of parts."""
    few = said.verdict is Verdict.ALARM and said.counts.total == 0
    return replace(said, counts=Counts(0, sketch.events)) if few else said
