"""What was counted, kept in tiles of time: a signal whose bad events do not add up is judged anew over any window.

Drift is such a signal: of a shift that chance hides in every minute, an hour of events shows all. So the sketches are
added up, not what was found in them.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from burnline.detectors.burn.ladder import HOUR, Ladder
from burnline.detectors.sketch import Counter64, Sketch
from burnline.errors import PayloadError
from burnline.store.schema import EPOCH
from burnline.store.sketches import (
    SketchTile,
    forget_signal_sketches,
    forget_sketches,
    keep_sketches,
    sketches,
)

Key = tuple[str, str]  # service, signal
Span = tuple[datetime, datetime]  # (since, until]
Narrow = NDArray[np.signedinteger]  # as few bytes a count as hold all of a tile
WIDTHS = (np.dtype("<i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<i8"))
ALL_TIME = 0  # step_seconds of what was counted in all
SECOND = timedelta(seconds=1)
CLOCK_SET_BACK = HOUR  # seconds: events come in the order in which they are received


@dataclass(slots=True)
class _Kept:
    """One signal's counts: `tiers` by length of tile, each by its start in seconds since 1970."""

    ladder: Ladder
    of: str
    total: Counter64
    tiers: list[dict[int, Narrow]]
    newest: int = 0
    changed: set[tuple[int, int]] = field(default_factory=set)  # (tier, start) that the database lacks
    edges: list[int] = field(default_factory=list)  # of each tier, as the database has it
    fresh: bool = False  # nothing of what the database has of this signal is ours


class SketchHistory:
    """The tiles of every signal that has a ladder. One thread adds and keeps, any may ask.

    Memory and rows are bounded by `Ladder.tiles`, each of one to eight bytes a count.
    """

    def __init__(self, ladders: Mapping[Key, Ladder]) -> None:
        self._ladders = dict(ladders)
        self._kept: dict[Key, _Kept] = {}
        self._lock = threading.Lock()

    def __contains__(self, key: Key) -> bool:
        return key in self._ladders

    def load(self, tx: Connection) -> None:
        """Begin again with what the database has; counts against something else than its newest are left out."""
        found: dict[Key, list[SketchTile]] = {}
        for tile in sketches(tx):
            if (tile.service, tile.signal) in self._ladders:
                found.setdefault((tile.service, tile.signal), []).append(tile)
        kept = {key: _restored(self._ladders[key], tiles) for key, tiles in found.items()}
        with self._lock:
            self._kept = {key: each for key, each in kept.items() if each is not None}

    def add(self, key: Key, at: datetime, sketch: Sketch) -> None:
        """Count what came at that time; against another reference than before, everything older is dropped."""
        second = (at - EPOCH) // SECOND
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.of != sketch.of or len(kept.total) != len(sketch.counts):
                kept = self._kept[key] = _empty(self._ladders[key], sketch)
            kept.total = kept.total + sketch.counts
            if kept.newest - second > CLOCK_SET_BACK:
                _go_back(kept, second)
            kept.newest = max(kept.newest, second // kept.ladder.steps[0] * kept.ladder.steps[0])
            for tier, step in enumerate(kept.ladder.steps):
                start = second // step * step
                if start >= kept.ladder.edge(tier, kept.newest):
                    so_far = kept.tiers[tier].get(start)
                    kept.tiers[tier][start] = narrow(sketch.counts if so_far is None else sketch.counts + so_far)
                    kept.changed.add((tier, start))

    def keep(self, tx: Connection) -> None:
        """Write what was added, and forget what is too old, in the transaction that consumes the events."""
        rows: list[SketchTile] = []
        with self._lock:
            forgets = [work for key, kept in self._kept.items() if kept.changed for work in _forget(key, kept)]
            for key, kept in self._kept.items():
                rows += _rows(key, kept) if kept.changed else ()
                kept.changed.clear()
        for forget in forgets:
            forget(tx)
        keep_sketches(tx, rows)

    def totals(self) -> Mapping[Key, Sketch]:
        """What was counted in all, by signal, against the present reference."""
        with self._lock:
            return {key: Sketch(kept.of, kept.total) for key, kept in self._kept.items()}

    def over(self, key: Key, since: datetime, until: datetime, without: Sequence[Span] = ()) -> Sketch | None:
        """The counts of (since, until] but for some spans in order; None when there are none of that time.

        Its beginning is rounded down to a tile, so that the window is 4 % longer at most than asked for (over the last
        four days; 7 % before). Of what lies between spans only whole tiles count.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            counts = np.zeros(len(kept.total), np.int64)
            for part in _parts(kept, since, until, without):
                for tier, start in kept.ladder.cover(*part, kept.newest):
                    if (tile := kept.tiers[tier].get(start)) is not None:
                        counts += tile
        return Sketch(kept.of, counts) if counts[0] else None


def narrow(counts: Counter64 | Narrow) -> Narrow:
    """The same counts in as few bytes each as hold them all."""
    low, high = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
    width = next(each for each in WIDTHS if np.iinfo(each).min <= low and high <= np.iinfo(each).max)
    return counts.astype(width)


def pack(counts: Narrow) -> bytes:
    """Counts as bytes, packed: of most cells of a minute there is nothing to say."""
    return bytes([counts.itemsize]) + zlib.compress(counts.tobytes(), 1)


def unpack(body: bytes) -> Narrow:
    """What `pack` packed.

    Raises: PayloadError when `body` is damaged.
    """
    try:
        width = next(each for each in WIDTHS if each.itemsize == body[0])
        return np.frombuffer(zlib.decompress(body[1:]), dtype=width)
    except (zlib.error, ValueError, IndexError, StopIteration) as error:
        raise PayloadError(f"not a tile of counts: {error!r}") from error


def _empty(ladder: Ladder, sketch: Sketch) -> _Kept:
    return _Kept(ladder, sketch.of, np.zeros_like(sketch.counts), [{} for _ in ladder.steps], fresh=True)


def _restored(ladder: Ladder, tiles: Sequence[SketchTile]) -> _Kept | None:
    whole = next((tile for tile in tiles if tile.step_seconds == ALL_TIME), None)
    if whole is None:
        return None
    try:
        total = unpack(whole.body).astype(np.int64)
        read = [(tile.step_seconds, tile.start, unpack(tile.body)) for tile in tiles if tile.of == whole.of]
    except PayloadError:
        return None
    kept = _Kept(ladder, whole.of, total, [{} for _ in ladder.steps])
    for step, start, counts in read:
        if step in ladder.steps and len(counts) == len(total):
            kept.tiers[ladder.steps.index(step)][(start - EPOCH) // SECOND] = counts
    kept.newest = max(kept.tiers[0], default=0)
    return kept


def _go_back(kept: _Kept, second: int) -> None:
    """The clock was set back: drop what was counted at times that are still to come, and write all the rest anew."""
    kept.tiers = [{start: counts for start, counts in tiles.items() if start <= second} for tiles in kept.tiers]
    kept.changed = {(tier, start) for tier, tiles in enumerate(kept.tiers) for start in tiles}
    kept.newest, kept.edges, kept.fresh = 0, [], True


def _forget(key: Key, kept: _Kept) -> Iterator[Callable[[Connection], int]]:
    """Drop what is too old; what is to be deleted of it."""
    if kept.fresh:
        yield partial(forget_signal_sketches, service=key[0], signal=key[1])
        kept.fresh = False
    edges = [kept.ladder.edge(tier, kept.newest) for tier in range(len(kept.ladder.steps))]
    if edges == kept.edges:
        return
    for tiles, step, edge in zip(kept.tiers, kept.ladder.steps, edges, strict=True):
        for start in [start for start in tiles if start < edge]:
            del tiles[start]
        before = EPOCH + edge * SECOND
        yield partial(forget_sketches, service=key[0], signal=key[1], step_seconds=step, before=before)
    kept.edges = edges


def _rows(key: Key, kept: _Kept) -> Iterator[SketchTile]:
    yield SketchTile(*key, ALL_TIME, EPOCH, kept.of, pack(narrow(kept.total)))
    for tier, start in sorted(kept.changed):
        if (counts := kept.tiers[tier].get(start)) is not None:
            yield SketchTile(*key, kept.ladder.steps[tier], EPOCH + start * SECOND, kept.of, pack(counts))


def _parts(kept: _Kept, since: datetime, until: datetime, without: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """The spans of whole tiles that are left of a window."""
    first, last = (since - EPOCH) // SECOND, (until - EPOCH) // SECOND
    begins, end = kept.ladder.span(first, last, kept.newest)
    at = begins
    for left_out in without:
        stop, again = ((moment - EPOCH) // SECOND for moment in left_out)
        if again <= at or stop >= end:
            continue
        yield kept.ladder.span(at, min(stop, end), kept.newest, within=True)
        at = max(at, again)
    yield (begins, end) if at == begins else kept.ladder.span(at, end, kept.newest, within=True)
