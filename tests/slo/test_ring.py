"""Rings against plain sums over a list."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.slo.group import Group
from burnline.slo.promise import promises_of
from burnline.slo.ring import BAD, SEEN, STEPS, TOTAL, Array, Layout, Rings, grained
from burnline.spec.service import ServiceSpec

SMALL = Layout((12, 40, 130))
COLUMNS = 3
Tiles = dict[int, dict[int, Array]]


def naive(events: list[Array | None], closed: int, length: int, step: int) -> Array:
    """Everything in tiles after the last boundary of `step` at or before `closed - length`."""
    start = (closed - length) // step * step
    first = closed - len(events)
    total = np.zeros((3, COLUMNS))
    for number, tile in enumerate(events, start=first + 1):
        if tile is not None and number > start:
            total += tile
    return total


def replay(events: list[Array | None], start: int) -> tuple[Rings, Tiles]:
    """Rings after these tiles, and every tile a store would hold."""
    rings = Rings(SMALL, COLUMNS, start)
    kept: Tiles = {step: {} for step in STEPS}
    for tile in events:
        ended = rings.push(tile)
        if tile is not None:
            kept[1][rings.closed] = tile
        for step, sums in ended:
            kept[step][rings.closed // step] = sums
    return rings, kept


counts = st.integers(0, 1_000_000) | st.floats(0, 1e6).map(grained)
tiles = st.none() | st.lists(counts, min_size=9, max_size=9).map(
    lambda found: np.array(found, float).reshape(3, COLUMNS)
)


@given(st.lists(tiles, max_size=60).map(lambda found: found * 5), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_every_window_is_the_plain_sum(events: list[Array | None], start: int) -> None:
    rings, _ = replay(events, start)

    for ring, (span, step) in enumerate(zip(SMALL.spans, STEPS, strict=True)):
        for length in {1, span // 2, span}:
            if SMALL.ring_for(length) == ring:
                np.testing.assert_array_equal(rings.window(length), naive(events, rings.closed, length, step))


@given(st.lists(tiles, max_size=60).map(lambda found: found * 5), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_rings_rebuilt_from_tiles_answer_the_same(events: list[Array | None], start: int) -> None:
    before, kept = replay(events, start)

    after = Rings(SMALL, COLUMNS, before.closed)
    after.restore(kept)

    for length in (1, 5, 12, 13, 40, 41, 130):
        np.testing.assert_array_equal(after.window(length), before.window(length))
    tile = np.ones((3, COLUMNS))
    for (step, one), (same, other) in zip(before.push(tile), after.push(tile), strict=True):
        assert step == same
        np.testing.assert_array_equal(one, other)


@given(st.lists(tiles, min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_window_before_ends_with_the_tile_asked_for(events: list[Array | None]) -> None:
    rings, _ = replay(events, 100)
    seen = [number for number, tile in enumerate(events, 101) if tile is not None and tile[SEEN, 0] > 0]
    if not seen:
        return
    end = rings.last_seen[:1]

    found = rings.window_before(7, end, np.array([0]))

    assert end[0] == seen[-1]
    assert found[BAD, 0] == sum(
        tile[BAD, 0] for number, tile in enumerate(events, 101) if tile is not None and end[0] - 7 < number
    )


def test_fractions_leave_no_crumbs_in_an_empty_window() -> None:
    rings = Rings(SMALL, COLUMNS, 0)
    for count in (0.1, 0.2, 0.7, 1e6 / 3):
        rings.push(np.full((3, COLUMNS), grained(count)))
    for _ in range(12):
        rings.push(None)

    assert not rings.window(12).any()


def test_a_count_is_kept_to_a_thousandth() -> None:
    assert grained(7) == 7
    assert grained(0.3) == pytest.approx(0.3, abs=1 / 1024)


def test_a_gap_is_not_seen() -> None:
    rings = Rings(SMALL, 1, 0)
    rings.push(np.array([[1.0], [10.0], [1.0]]))
    rings.push(None)
    rings.push(np.array([[0.0], [0.0], [1.0]]))

    assert rings.window(3)[SEEN, 0] == 2
    assert rings.window(2)[TOTAL, 0] == 0


def group_over(window: timedelta) -> Group:
    body = {"name": "a", "objective": "99%", "window": window, "sli": {"ratio": {"bad": "b", "total": "t"}}}
    spec = ServiceSpec.model_validate({"apiVersion": "burnline/v1", "service": "s", "owner": "o", "slos": [body]})
    return Group(list(promises_of(spec)))


def test_memory_is_stated_and_true() -> None:
    group = group_over(timedelta(days=30))

    rings = Rings(group.layout, 10, 0)

    assert group.layout.spans == (360, 4320, 43200)
    assert group.layout.bytes_per_slo == sum(ring[:, :, 0].nbytes for ring in rings._rings) == 46_800


@pytest.mark.parametrize("seconds", [60, 600, 3600, 43_200, 100 * 3600, 7 * 86_400, 28 * 86_400, 90 * 86_400])
def test_any_period_has_a_layout(seconds: int) -> None:
    window = timedelta(seconds=seconds)

    group = group_over(window)

    assert window <= group.period_steps * group.base < window + 60 * group.base + timedelta(seconds=1)
    assert sorted(group.layout.spans) == list(group.layout.spans)
