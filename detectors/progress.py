"""How far a signal has come: which windows are judged, what was counted in the open ones, what is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from burnline.detectors.contract import Judgement
from burnline.detectors.parts import admitted
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch, Verdict
from burnline.store.schema import EPOCH, MICROSECOND

CATCH_UP = 60  # silent windows reported after a pause; older ones are left out
MOST_REMEMBERED = 200  # parts of a signal


@dataclass(frozen=True, slots=True)
class Progress:
    """One signal: windows up to `closed` are judged.

    Attributes:
        sketches: the open windows by their start, each by part.
        memory: by part, what the last judgement left for the next.
    """

    closed: datetime | None = None
    sketches: Mapping[datetime, Mapping[str, Sketch]] = field(default_factory=dict)
    memory: Mapping[str, bytes] = field(default_factory=dict)


def floor(at: datetime, window: timedelta) -> datetime:
    """When the window began that is open then: they follow each other from 1970 on."""
    return at - (at - EPOCH) % window


def by_window(
    batch: PredictionBatch, window: timedelta, *, by_event_time: bool
) -> Iterator[tuple[datetime, PredictionBatch]]:
    """The batch by windows, given by their starts."""
    if not by_event_time or not batch.at:
        yield floor(batch.received_at, window), batch
        return
    size = window // MICROSECOND
    starts = [at // size for at in batch.at]
    for start in sorted(set(starts)):
        yield EPOCH + start * window, batch.where([each == start for each in starts])


def add(known: Progress, sketch: Sketch, start: datetime, part: str, first: datetime) -> tuple[Progress, datetime, str]:
    """Add to the window that begins at `start`; one already judged passes its events to the next one."""
    closed = known.closed or first
    start = max(start, closed)
    parts = known.sketches.get(start, {})
    part = admitted(part, parts)
    total = parts[part] + sketch if part in parts else sketch
    return put(replace(known, closed=closed), start, part, total), start, part


def put(known: Progress, start: datetime, part: str, sketch: Sketch) -> Progress:
    """With that sketch in place of the part's in the window that begins at `start`."""
    parts = {**known.sketches.get(start, {}), part: sketch}
    return replace(known, sketches={**known.sketches, start: parts})


def ended_windows(known: Progress, window: timedelta, now: datetime) -> list[datetime]:
    """Starts of the windows to judge, oldest first: those with events, and silent ones since the last."""
    last = floor(now, window)
    start = max(known.closed or last, last - CATCH_UP * window)
    starts = {begun for begun in known.sketches if begun + window <= now}
    while start + window <= now:
        starts.add(start)
        start += window
    return sorted(starts)


def memories_after(memory: Mapping[str, bytes], said: Mapping[str, Judgement]) -> Mapping[str, bytes]:
    """What is remembered after a window: of a part of which nothing could be said, what was remembered before.

    Parts that are not in the window are remembered too, until there are too many of them.
    """
    new = {part: each.memory for part, each in said.items() if each.memory or each.verdict is not Verdict.NO_DATA}
    both = {part: body for part, body in {**memory, **new}.items() if body}
    return both if len(both) <= MOST_REMEMBERED else {part: body for part, body in both.items() if part in said}
