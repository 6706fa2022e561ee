"""Hours of the day and the week: what is usual at this hour is no drift."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.drift import Drift
from burnline.detectors.profile import Reference, load_reference, save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.seasons import Seasons, build_slots, slots_of
from burnline.errors import SpecError
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import DriftSpec

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MICRO = 1_000_000


def traffic(rng: np.random.Generator, hours: range, each: int) -> PredictionBatch:
    """Amounts that are two deviations higher at night, from 22 to 6."""
    of_hour = np.repeat(np.array(hours), each)
    night = (of_hour % 24 >= 22) | (of_hour % 24 < 6)
    amounts = rng.normal(0, 1, len(of_hour)) + 2 * night
    start = int(MONDAY.timestamp())
    at = [(start + int(hour) * 3600 + 60) * MICRO for hour in of_hour]
    nothing = [None] * len(at)
    return PredictionBatch("s", "", MONDAY, {"amount": amounts.tolist()}, [*nothing], [*nothing], [0] * len(at), at)


TRAINING = traffic(np.random.default_rng(1), range(24 * 14), 100)
PLAIN = build_profile({"amount": TRAINING.features["amount"]}, name="s")
SEASONAL = msgspec.structs.replace(PLAIN, slots=build_slots(PLAIN, "hour-of-day", [TRAINING]))


def judge(reference: Reference, batch: PredictionBatch) -> Judgement:
    detector = Drift(reference, DriftSpec())
    return detector.judge(detector.fold(ColumnReader(reference).read(batch)))


@pytest.mark.parametrize(("at", "slot"), [(MONDAY, 0), (MONDAY + timedelta(days=6, hours=23, minutes=59), 167)])
def test_the_week_begins_on_monday(at: datetime, slot: int) -> None:
    batch = PredictionBatch("s", "", at, {}, [None], [None], [0])

    assert slots_of(batch, "hour-of-week").tolist() == [slot]
    assert slots_of(batch, "hour-of-day").tolist() == [slot % 24]


def test_the_usual_night_is_drift_against_all_hours_and_none_against_its_own() -> None:
    night = traffic(np.random.default_rng(2), range(24, 27), 1000)

    assert judge(PLAIN, night).verdict is Verdict.ALARM
    assert judge(SEASONAL, night).verdict is Verdict.OK


def test_a_day_that_looks_like_night_is_drift_at_its_hour_though_both_are_in_the_reference() -> None:
    night = traffic(np.random.default_rng(2), range(24, 27), 1000)
    moved = replace(night, at=[at + 12 * 3600 * MICRO for at in night.at])

    assert judge(SEASONAL, moved).verdict is Verdict.ALARM


def test_a_window_over_several_hours_is_compared_with_their_mixture() -> None:
    evening = traffic(np.random.default_rng(2), range(21, 24), 700)

    said = judge(SEASONAL, evening)

    assert said.verdict is Verdict.OK
    assert judge(PLAIN, evening).verdict is Verdict.ALARM


def test_an_hour_that_the_reference_never_saw_has_that_of_all_hours() -> None:
    days = build_slots(PLAIN, "hour-of-day", [traffic(np.random.default_rng(3), range(8, 12), 100)])
    partly = msgspec.structs.replace(PLAIN, slots=days)
    whole = replace(TRAINING, at=[TRAINING.at[0] + 22 * 3600 * MICRO] * len(TRAINING.at))

    assert judge(partly, whole).verdict is Verdict.OK


def test_a_reference_with_hours_survives_its_file(tmp_path: Path) -> None:
    save_reference(SEASONAL, tmp_path / "r.json")

    assert load_reference(tmp_path / "r.json") == SEASONAL


def test_hours_that_do_not_fit_the_reference_are_refused_by_name(tmp_path: Path) -> None:
    assert SEASONAL.slots is not None
    broken = msgspec.structs.replace(SEASONAL.slots, events=(1, 2), features={"amount": ((1, 2),)})
    save_reference(msgspec.structs.replace(PLAIN, slots=broken), tmp_path / "r.json")

    with pytest.raises(SpecError) as raised:
        load_reference(tmp_path / "r.json")

    assert "slots.events: has 2 hours; hour-of-day has 24" in str(raised.value)
    assert "slots.features.amount: needs a count per hour and cell" in str(raised.value)


def test_what_is_expected_of_more_events_is_never_less_not_even_by_rounding() -> None:
    random = np.random.default_rng(3)
    seasons = Seasons(random.integers(1, 10**6, (24, 60)), random.integers(1, 10**7, 60), np.array([0, 20, 41]))
    events = random.integers(0, 10**9, 24)

    before = seasons.expected(events)

    for hour in range(24):
        more = events.copy()
        more[hour] += 1
        assert (seasons.expected(more) >= before).all()
    assert seasons.expected(np.zeros(24, np.int64)).max() == 0
