"""Outliers: as many as promised when nothing has changed, found when something has, and by which feature."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytest

from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Judgement
from burnline.detectors.outliers import Outliers
from burnline.detectors.profile import Reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.detectors.strangeness import LEVELS, MOST_PARTS, Strangeness, conformal_limit
from burnline.events import PredictionBatch, Verdict
from burnline.spec.quality import OutliersSpec
from tests.detectors.samples import START, draw, make_batch

Features = dict[str, list[Any]]


def reference_of(columns: Features) -> Reference:
    return build_profile(columns, name="shop")


REFERENCE = reference_of(draw(np.random.default_rng(1), 5000))
DETECTOR = Outliers(REFERENCE, OutliersSpec())
READER = ColumnReader(REFERENCE)


def fold(changes: Features | None = None, events: int = 2000, seed: int = 3) -> Sketch:
    return DETECTOR.fold(READER.read(make_batch(np.random.default_rng(seed), events, changes=changes)))


@pytest.mark.parametrize("expected", LEVELS)
def test_the_expected_share_of_new_events_is_strange(expected: float) -> None:
    detector = Outliers(REFERENCE, OutliersSpec(expected=expected))

    said = detector.judge(detector.fold(READER.read(make_batch(np.random.default_rng(7), 40_000))))

    assert said.verdict is Verdict.OK
    assert said.counts.bad / said.counts.total == pytest.approx(expected, rel=0.35, abs=0.0005)


def test_the_rank_is_right_for_any_new_event() -> None:
    """Over many references of 199 rows, a new event is above the 5 % limit in 5 % of them at most: the promise."""
    rng = np.random.default_rng(1)
    above = []
    for _ in range(2000):
        *known, new = rng.standard_cauchy(200)
        limit = conformal_limit(np.sort(known), 0.05)
        assert limit is not None
        above.append(new > limit)

    assert 0.035 < np.mean(above) < 0.065


@pytest.mark.parametrize(
    ("feature", "value"), [("amount", 1e6), ("age", -400.0), ("fee", 2.6), ("city", "Atlantis"), ("items", 60)]
)
def test_impossible_values_are_found_and_their_feature_is_named(feature: str, value: Any) -> None:
    rng = np.random.default_rng(5)
    column = draw(rng, 2000)[feature]
    column[:200] = [value] * 200

    said = DETECTOR.judge(fold({feature: column}))

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == feature
    assert said.counts.bad == pytest.approx(220, abs=25)
    assert f"most by {feature}" in said.reason


def test_a_contributor_says_which_values_are_strange_and_shows_them_all() -> None:
    ages = [None if at % 7 == 0 else age for at, age in enumerate(draw(np.random.default_rng(5), 2000)["age"])]

    said = DETECTOR.judge(fold({"age": ages}))

    worst = said.contributors[0]
    assert worst.feature == "age"
    assert re.fullmatch(
        r"\d+% of what makes them strange; 9\d\.\d% of its values there are missing, in the reference \d\.\d%",
        worst.detail,
    )
    assert worst.detail in said.reason
    assert sum(cell.live for cell in worst.cells) == pytest.approx(1)
    assert next(cell for cell in worst.cells if cell.what == "missing").live > 0.9


def test_many_odd_values_are_found_although_none_is_impossible() -> None:
    names = [f"f{number}" for number in range(25)]
    rng = np.random.default_rng(2)
    reference = reference_of({name: rng.normal(0, 1, 4000).tolist() for name in names})
    detector = Outliers(reference, OutliersSpec())
    odd: Features = {name: rng.normal(0, 1.8, 1000).tolist() for name in names}
    batch = PredictionBatch("shop", "1", START, odd, [None] * 1000, [None] * 1000, [0] * 1000)

    said = detector.judge(detector.fold(ColumnReader(reference).read(batch)))

    assert said.verdict is Verdict.ALARM
    assert said.counts.bad > 500


def test_a_column_of_new_ids_is_not_strange() -> None:
    columns: Features = {"id": [f"id-{number}" for number in range(3000)], "x": list(map(float, range(3000)))}
    reference = reference_of(columns)
    detector = Outliers(reference, OutliersSpec())
    new: Features = {"id": [f"new-{number}" for number in range(1000)], "x": list(map(float, range(0, 3000, 3)))}
    batch = PredictionBatch("shop", "1", START, new, [None] * 1000, [None] * 1000, [0] * 1000)

    said = detector.judge(detector.fold(ColumnReader(reference).read(batch)))

    assert said.verdict is Verdict.OK


def test_a_reference_of_ten_rows_says_what_it_lacks() -> None:
    reference = reference_of(draw(np.random.default_rng(1), 10))
    detector = Outliers(reference, OutliersSpec())

    said = detector.judge(detector.fold(ColumnReader(reference).read(make_batch(np.random.default_rng(1), 900))))

    assert said.verdict is Verdict.NO_DATA
    assert "10 rows; to tell the strangest 1.0% it needs 99" in said.reason


def test_a_reference_made_before_says_what_to_do() -> None:
    old = msgspec.structs.replace(REFERENCE, outliers=None)
    detector = Outliers(old, OutliersSpec())

    said = detector.judge(detector.fold(READER.read(make_batch(np.random.default_rng(1), 900))))

    assert said.verdict is Verdict.NO_DATA
    assert "burnline profile" in said.reason


def test_blame_adds_up_to_the_bit_in_any_order() -> None:
    batch = make_batch(np.random.default_rng(3), 3000)
    whole = DETECTOR.fold(READER.read(batch))
    parts = [DETECTOR.fold(READER.read(batch.where([n % 3 == part for n in range(3000)]))) for part in (2, 0, 1)]

    assert (parts[0] + parts[1] + parts[2]).encode() == whole.encode()


def windows(share: float, count: int, events: int = 600) -> list[Judgement]:
    """That many windows of the same population, a share of whose events is impossible."""
    rng = np.random.default_rng(11)
    memory, said = b"", []
    for _ in range(count):
        batch = make_batch(rng, events)
        for at in np.flatnonzero(rng.random(events) < share).tolist():
            batch.features["amount"][at] = 1e7
        said.append(DETECTOR.judge(DETECTOR.fold(READER.read(batch)), memory))
        memory = said[-1].memory
    return said


def test_what_no_window_shows_alone_they_show_together() -> None:
    said = windows(0.025, 30)

    assert said[0].verdict is Verdict.OK
    assert said[-1].verdict is Verdict.ALARM
    assert "of them together do" in next(one for one in said if one.verdict is Verdict.ALARM).reason


def test_windows_too_small_to_count_alarm_together_without_a_score() -> None:
    said = windows(0.2, 12, events=40)

    assert said[0].verdict is Verdict.NO_DATA
    assert (said[-1].verdict, said[-1].score, said[-1].counts.total) == (Verdict.ALARM, None, 0)
    assert "; 40 events in the window are too few for a score; most by amount" in said[-1].reason


def test_a_first_window_in_alarm_speaks_of_no_windows_together() -> None:
    said = windows(0.5, 1, events=90)[0]

    assert (said.verdict, said.score) == (Verdict.ALARM, None)
    assert "together" not in said.reason
    assert "90 events in the window are too few for a score" in said.reason


def test_the_expected_share_is_no_alarm_in_any_of_many_windows() -> None:
    assert {one.verdict for one in windows(0.0, 300)} == {Verdict.OK}


def test_a_candidate_is_compared_with_what_serves() -> None:
    column = draw(np.random.default_rng(1), 2000)["age"]
    column[:300] = [500.0] * 300
    baseline, candidate = fold(), fold({"age": column}, seed=4)

    said = DETECTOR.compare(baseline, candidate)

    assert said.verdict is Verdict.ALARM
    assert said.contributors[0].feature == "age"
    assert DETECTOR.compare(candidate, baseline).verdict is Verdict.OK
    assert DETECTOR.compare(baseline, fold(seed=9)).verdict is Verdict.OK


def test_a_share_that_no_reference_keeps_is_refused() -> None:
    with pytest.raises(ValueError, match="not one of the shares"):
        OutliersSpec(expected=0.03)


def test_more_events_than_are_looked_at_at_once_are_as_strange_as_a_few() -> None:
    many = MOST_PARTS + 10
    numbers = np.random.default_rng(4).standard_cauchy(many)
    reference = reference_of({"n": numbers[:5000].tolist()})
    reader = ColumnReader(reference)

    all_of_them, the_last = (
        Strangeness(reference).of(reader.read(PredictionBatch("s", "1", START, {"n": part}, part, [], [])))  # type: ignore[dict-item,arg-type]  # arrays will do
        for part in (numbers, numbers[-20:])
    )

    assert len(all_of_them) == many
    assert all_of_them[-20:].tolist() == the_last.tolist()
