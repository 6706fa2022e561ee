"""Long series as few points, for pictures: what stands out stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np

from burnline.slo.backtest.replay import Flags, Replay
from burnline.slo.ring import Array

Span: TypeAlias = tuple[datetime, datetime]


def thinned(at: Array, values: Array, points: int, *, lowest: bool = False) -> tuple[Array, Array]:
    """At most `points` points: of each stretch the highest value (or the lowest); NaN where nothing is known."""
    stretch = -(-len(values) // points)
    if stretch <= 1:
        return at, values
    whole = len(values) // stretch * stretch
    blocks = values[:whole].reshape(-1, stretch)
    filled = np.where(np.isnan(blocks), np.inf if lowest else -np.inf, blocks)
    best = filled.min(axis=1) if lowest else filled.max(axis=1)
    return at[stretch - 1 : whole : stretch], np.where(np.isinf(best), np.nan, best)


def excluded_spans(replay: Replay) -> list[Span]:
    """When nothing counted."""
    return spans_of(replay.at, replay.excluded, replay.base.total_seconds())


def spans_of(at: Array, flags: Flags, base_seconds: float) -> list[Span]:
    """Every stretch in which the flag is set."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [
        (_moment(at[start] - base_seconds), _moment(at[end - 1]))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(float(at), UTC)
