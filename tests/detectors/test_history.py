"""Sketches in tiers: any window is a sum of few tiles, bounded, and as exact after a restart."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from burnline.detectors.burn.history import Key, SketchHistory, narrow, pack, unpack
from burnline.detectors.burn.ladder import Ladder, ladder
from burnline.detectors.sketch import Sketch
from burnline.errors import PayloadError
from burnline.store.database import Database
from burnline.store.schema import EPOCH, sketch_tile
from tests.detectors.samples import START

KEY: Key = ("shop", "drift")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
USUAL = ladder(timedelta(minutes=10), 30 * DAY)
FAST = ladder(timedelta(seconds=10), 12 * HOUR)
WINDOWS = [5 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, DAY, 3 * DAY, 30 * DAY]


def sketch(*counts: int, of: str = "drift:a") -> Sketch:
    return Sketch(of, np.array(counts, dtype=np.int64))


def filled(length: timedelta, step: timedelta, *, until: datetime = START, ladder: Ladder = USUAL) -> SketchHistory:
    """One event, and one in a cell that says when, each `step` of `length` before `until`."""
    history = SketchHistory({KEY: ladder})
    for number in reversed(range(length // step)):
        history.add(KEY, until - number * step - step / 2, sketch(1, number))
    return history


def kept(db: Database) -> int:
    with db.read() as tx:
        return tx.scalar(select(func.count()).select_from(sketch_tile)) or 0


def restored(db: Database) -> SketchHistory:
    history = SketchHistory({KEY: USUAL})
    with db.read() as tx:
        history.load(tx)
    return history


def events(history: SketchHistory, since: datetime, until: datetime, *without: tuple[datetime, datetime]) -> int:
    found = history.over(KEY, since, until, without)
    return found.events if found else 0


@given(
    rungs=st.sampled_from([USUAL, FAST]),
    newest=st.integers(10**9, 10**9 + 10**7),
    ago=st.integers(0, 40 * 86_400),
    window=st.sampled_from([*WINDOWS, timedelta(seconds=777)]),
)
def test_a_window_is_made_of_whole_tiles_that_are_still_there(
    rungs: Ladder, newest: int, ago: int, window: timedelta
) -> None:
    newest -= newest % rungs.steps[0]
    until = newest + rungs.steps[0] - ago
    asked = int(window.total_seconds())
    oldest = rungs.edge(len(rungs.steps) - 1, newest)

    start, end = rungs.span(until - asked, until, newest)
    tiles = list(rungs.cover(start, end, newest))

    assert start <= max(until - asked, oldest)
    assert end <= until
    assert [at for _, at in tiles] == list(np.cumsum([start, *(rungs.steps[tier] for tier, _ in tiles)]))[: len(tiles)]
    assert all(at % rungs.steps[tier] == 0 and at >= rungs.edge(tier, newest) for tier, at in tiles)
    assert sum(rungs.steps[tier] for tier, _ in tiles) == max(0, end - start)
    assert len(tiles) < 160


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_that_ends_now_is_longer_by_a_part_of_itself_at_most(window: timedelta) -> None:
    newest = int((START + 37 * MINUTE - EPOCH).total_seconds())
    until, asked = newest + 60, int(window.total_seconds())

    start, end = USUAL.span(until - asked, until, newest)

    assert end == until
    assert asked <= end - start <= asked * (1.05 if window < 14 * DAY else 1.07)


def test_every_burn_window_holds_its_own_events() -> None:
    history = filled(3 * DAY, MINUTE)

    found = [events(history, START - window, START) for window in WINDOWS[:-1]]

    assert found == [5, 30, 60, 120, 360, 1440, 4320]  # START is a full hour, at which every tile begins


def test_what_a_window_holds_is_what_came_in_it() -> None:
    history = filled(3 * HOUR, MINUTE)

    found = history.over(KEY, START - 10 * MINUTE, START)

    assert found is not None
    assert found.counts.tolist() == [10, sum(range(10))]


@settings(max_examples=20)
@given(st.permutations(range(20)))
def test_the_order_of_batches_changes_nothing(order: list[int]) -> None:
    moments = [START + number * 2 * MINUTE for number in range(20)]
    straight, mixed = SketchHistory({KEY: USUAL}), SketchHistory({KEY: USUAL})
    late = moments[-1] + MINUTE
    for history in (straight, mixed):
        history.add(KEY, late, sketch(1, 0))

    for number in range(20):
        straight.add(KEY, moments[number], sketch(1, number))
        mixed.add(KEY, moments[order[number]], sketch(1, order[number]))

    for window in WINDOWS:
        one, other = (each.over(KEY, late - window, late + MINUTE) for each in (straight, mixed))
        assert one is not None
        assert other is not None
        assert one.encode() == other.encode()


def test_nothing_is_known_of_a_time_without_events() -> None:
    history = filled(HOUR, MINUTE)

    assert history.over(KEY, START + HOUR, START + 2 * HOUR) is None
    assert history.over(("shop", "other"), START - HOUR, START) is None


def test_excluded_time_counts_for_nothing() -> None:
    history = filled(2 * HOUR, MINUTE)
    maintenance = (START - 40 * MINUTE, START - 10 * MINUTE)

    assert events(history, START - HOUR, START, maintenance) == 30
    assert events(history, START - HOUR, START, (START - 2 * HOUR, START)) == 0
    assert events(history, START - HOUR, START, (START - DAY, START - 23 * HOUR)) == 60


def test_days_that_are_excluded_in_part_are_left_out_once_only_days_are_kept() -> None:
    history = filled(10 * DAY, HOUR)
    nightly = [(START - days * DAY, START - days * DAY + HOUR) for days in (9, 8)]

    found = events(history, START - 10 * DAY, START, *nightly)

    assert 240 - 4 * 24 <= found <= 240 - 2 * 24


def test_a_restart_changes_nothing(any_database: Database) -> None:
    history = filled(8 * HOUR, MINUTE)
    any_database.write(history.keep)

    again = restored(any_database)

    for window in WINDOWS:
        one, other = (each.over(KEY, START - window, START) for each in (history, again))
        assert one is not None
        assert other is not None
        assert one.encode() == other.encode()
    assert again.totals()[KEY].counts.tolist() == history.totals()[KEY].counts.tolist()


def test_what_was_not_committed_is_forgotten_with_its_transaction(database: Database) -> None:
    history = filled(HOUR, MINUTE)
    database.write(history.keep)

    history.add(KEY, START, sketch(1, 0))  # and then the process dies

    assert restored(database).totals()[KEY].events == 60


def test_rows_are_bounded_however_long_it_goes_on(database: Database) -> None:
    history = SketchHistory({KEY: USUAL})
    for day in range(60):
        history.add(KEY, START + day * DAY, sketch(1, 1))
        history.add(KEY, START + day * DAY + MINUTE, sketch(1, 1))
        database.write(history.keep)

    assert kept(database) <= 1 + 2 * 2 + 5 + 37
    assert kept(database) < USUAL.tiles
    assert restored(database).totals()[KEY].events == 120


def test_another_reference_begins_anew(database: Database) -> None:
    history = filled(HOUR, MINUTE)
    database.write(history.keep)

    history.add(KEY, START + MINUTE, sketch(1, 2, 3, of="drift:b"))
    database.write(history.keep)

    for each in (history, restored(database)):
        found = each.over(KEY, START - HOUR, START + 2 * MINUTE)
        assert found is not None
        assert (found.of, found.counts.tolist()) == ("drift:b", [1, 2, 3])
        assert each.totals()[KEY].counts.tolist() == [1, 2, 3]


def test_a_damaged_row_costs_the_past_not_the_start(database: Database) -> None:
    history = filled(HOUR, MINUTE)
    database.write(history.keep)
    database.write(lambda tx: tx.execute(update(sketch_tile).values(body=b"\x02rotten")))

    again = restored(database)
    again.add(KEY, START, sketch(1, 0))
    database.write(again.keep)

    assert restored(database).totals()[KEY].events == 1


def test_a_clock_that_is_set_back_goes_on_from_there(database: Database) -> None:
    history = filled(2 * HOUR, MINUTE, until=START + DAY)
    history.add(KEY, START - MINUTE, sketch(1, 0))
    database.write(history.keep)

    for each in (history, restored(database)):
        assert events(each, START - HOUR, START) == 1
        assert events(each, START + 23 * HOUR, START + DAY) == 0


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=50))
def test_counts_are_packed_without_loss(counts: list[int]) -> None:
    packed = pack(narrow(np.array(counts, dtype=np.int64)))

    assert unpack(packed).tolist() == counts


@pytest.mark.parametrize("body", [b"", b"\x03abc", b"\x01", b"\x02" + pack(narrow(np.array([1])))[1:]])
def test_what_was_not_packed_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError, match="not a tile of counts"):
        unpack(body)


def test_a_minute_of_few_events_takes_few_bytes() -> None:
    counts = np.zeros(551, dtype=np.int64)
    counts[::20] = 3

    assert narrow(counts).nbytes == 551
    assert len(pack(narrow(counts))) < 100
