"""Volume: silence and floods are told from nights and from chance, in the first week and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from math import pi, sin

import numpy as np
import pytest

from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.detectors.volume import Learnt, Volume
from burnline.events import PredictionBatch, Verdict
from burnline.spec.quality import VolumeSpec
from tests.detectors.samples import START

REFERENCE = build_profile({"x": [1.0, 2.0]}, name="t")
READER = ColumnReader(REFERENCE)
DETECTOR = Volume(REFERENCE, VolumeSpec())
WINDOW = timedelta(minutes=10)
DAY, WEEK = 144, 1008  # windows


def sketch(events: int, at: datetime, detector: Volume = DETECTOR) -> Sketch:
    """As many events, received then; the columns are empty, for the count alone matters."""
    batch = PredictionBatch("shop", "1", at, {}, [None] * events, [None] * events, [0] * events)
    return detector.fold(READER.read(batch))


def run(counts: Iterable[int], memory: bytes = b"", first: int = 0) -> tuple[list[Judgement], bytes]:
    said = []
    for number, events in enumerate(counts, start=first):
        at = START + number * WINDOW
        said.append(DETECTOR.judge(sketch(events, at) if events else DETECTOR.empty(), memory))
        memory = said[-1].memory
    return said, memory


def daily(windows: int, seed: int, level: float = 600, noise: float = 0.05) -> list[int]:
    """A service that is asked by day more than by night, thirty times as much."""
    rng = np.random.default_rng(seed)
    rate = [level * (1.03 + sin(2 * pi * number / DAY)) * rng.lognormal(0, noise) for number in range(windows)]
    return [int(events) for events in rng.poisson(rate)]


@cache
def three_weeks() -> tuple[list[Judgement], bytes]:
    return run(daily(3 * WEEK, 1))


def test_three_weeks_of_days_and_nights_are_no_alarm() -> None:
    said, _ = three_weeks()

    assert {one.verdict for one in said} <= {Verdict.OK, Verdict.NO_DATA}
    assert sum(one.verdict is Verdict.OK for one in said) > 0.75 * len(said)


def test_the_first_windows_say_that_they_learn() -> None:
    said, _ = three_weeks()

    assert said[0].verdict is Verdict.NO_DATA
    assert "what is usual needs 6 windows, 0 seen so far" in said[0].reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda usual: 0, "0 events in the window, 100% fewer than the"),
        (lambda usual: usual // 4, "fewer than the"),
        (lambda usual: usual * 5, " times the "),
    ],
    ids=["silence", "a quarter", "five times as many"],
)
def test_an_outage_and_a_flood_are_found_in_their_first_window(change: Callable[[int], int], words: str) -> None:
    _, memory = three_weeks()

    (said,), _ = run([change(daily(1, 2)[0])], memory, first=3 * WEEK)

    assert said.verdict is Verdict.ALARM
    assert words in said.reason
    assert "at this hour of the week" in said.reason
    assert said.score is not None
    assert said.counts.bad == pytest.approx(said.score * said.counts.total)


def test_silence_lasts_until_the_events_are_back() -> None:
    """A day of it is not learnt as the usual."""
    _, memory = three_weeks()
    usual = daily(2 * DAY, 3)

    silent, memory = run([0] * DAY, memory, first=3 * WEEK)
    back, _ = run(usual[DAY:], memory, first=3 * WEEK + DAY)

    verdicts = {one.verdict for one, events in zip(silent, usual, strict=False) if events > 300}
    assert verdicts == {Verdict.ALARM}
    assert Verdict.ALARM not in {one.verdict for one in back}


def test_a_service_that_grew_for_good_is_usual_after_some_weeks() -> None:
    _, memory = run(daily(2 * WEEK, 1))

    said, _ = run(daily(4 * WEEK, 2, level=1800), memory, first=2 * WEEK)

    assert Verdict.ALARM in {one.verdict for one in said[:DAY]}
    assert Verdict.ALARM not in {one.verdict for one in said[-DAY:]}


def test_in_the_first_day_a_sudden_silence_is_found_already() -> None:
    said, _ = run([*np.random.default_rng(1).poisson(1000, 30).tolist(), 0])

    assert {one.verdict for one in said[6:-1]} == {Verdict.OK}
    assert said[-1].verdict is Verdict.ALARM
    assert "lately" in said[-1].reason


def test_traffic_that_comes_and_goes_is_not_said_to_be_steady() -> None:
    said, _ = run([1500, 0, 900, 0, 2000, 1200, 1500, 1400, 1600, 0])

    assert said[-1].verdict is Verdict.OK
    assert "0 events in the window, between the 0 and" in said[-1].reason


def test_before_the_first_event_nothing_is_known() -> None:
    said, memory = run([0] * 10)

    assert {one.verdict for one in said} == {Verdict.NO_DATA}
    assert memory == b""


@pytest.mark.parametrize(("events", "verdict"), [(5, Verdict.ALARM), (50, Verdict.NO_DATA), (5000, Verdict.ALARM)])
def test_what_the_service_file_says_holds_from_the_first_window(events: int, verdict: Verdict) -> None:
    detector = Volume(REFERENCE, VolumeSpec(least=10, most=1000))

    said = detector.judge(sketch(events, START, detector))

    assert said.verdict is verdict
    if verdict is Verdict.ALARM:
        assert "the service file wants" in said.reason


@pytest.mark.parametrize("memory", [b"", b"\xc1", b"junk", Learnt().write()[:-1], b"\x94\xcb\x7f\xf8" + b"\0" * 6])
def test_a_damaged_memory_is_an_empty_one(memory: bytes) -> None:
    assert DETECTOR.judge(sketch(500, START), memory).verdict is Verdict.NO_DATA


def test_what_is_remembered_stays_small() -> None:
    assert len(three_weeks()[1]) < 5000


def test_the_same_windows_leave_the_same_memory() -> None:
    counts = daily(DAY, 1)

    assert run(counts) == run(counts)
