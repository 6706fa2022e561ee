"""Versions and slices: each has findings of its own, the whole stays what it was, and there are never too many."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.detectors.contract import Judgement, no_data
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.parts import MOST_VALUES, MOST_VERSIONS, admitted, sliced
from burnline.detectors.profile import save_reference
from burnline.detectors.progress import memories_after
from burnline.events import Counts, Finding, PredictionBatch, Verdict
from burnline.spec.events import EventsSpec
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import Database
from burnline.store.predictions import keep_batch
from tests.detectors.samples import START, make_batch, make_reference

WINDOW = timedelta(seconds=10)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    save_reference(make_reference(), tmp_path / "ref.json")
    return tmp_path / "ref.json"


def spec(reference: Path, *slices: str, **wanted: Any) -> ServiceSpec:
    return ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "shop",
            "owner": "team",
            "model": {"name": "m", "reference": str(reference)},
            "events": {"slices": list(slices)},
            "signals": wanted or {"drift": {"window": "10s", "min_events": 100}},
        }
    )


def batch(seed: int, version: str = "6", events: int = 300, **changes: list[Any]) -> PredictionBatch:
    return replace(make_batch(np.random.default_rng(seed), events, START, changes), version=version)


def found(
    db: Database, spec: ServiceSpec, *batches: PredictionBatch, at: datetime = START, signal: str = "drift"
) -> dict[str, Finding]:
    """By part what is found of a window with these batches."""
    for each in batches:
        db.write(lambda tx, each=each: keep_batch(tx, replace(each, received_at=at), at))  # type: ignore[misc]  # mypy cannot infer it
    DetectorEngine(db, [spec]).run_once(at + WINDOW)
    with db.read() as tx:
        parts = signals.latest_parts(tx, "shop", signal, at)
        return {each.part: each for each in [*parts, *signals.latest_findings(tx)] if each.window_start == at}


def test_a_bad_version_is_found_beside_a_good_one(any_database: Database, reference: Path) -> None:
    says = found(any_database, spec(reference), batch(1), batch(2, "7", age=[90.0] * 300))

    assert says["version=6"].verdict is Verdict.OK
    assert says["version=7"].verdict is Verdict.ALARM
    assert says["version=7/others"].verdict is Verdict.ALARM
    assert "in the baseline" in says["version=7/others"].reason
    assert says[""].counts.total == 600
    assert says["version=7"].counts.total == 300


def test_events_without_a_version_are_compared_with_and_are_none(any_database: Database, reference: Path) -> None:
    says = found(any_database, spec(reference), batch(1, ""), batch(2, "7", age=[90.0] * 300))

    assert set(says) == {"", "version=7", "version=7/others"}
    assert says["version=7/others"].verdict is Verdict.ALARM


def test_the_whole_does_not_depend_on_who_sent_which_part_of_it(any_database: Database, reference: Path) -> None:
    one = found(any_database, spec(reference), batch(1), batch(2))
    later = START + 5 * WINDOW
    other = found(any_database, spec(reference), batch(2, "7"), batch(1, ""), at=later)

    assert one[""] == replace(other[""], window_start=START, window_end=START + WINDOW)


def test_a_slice_is_told_apart_and_one_without_enough_events_is_left_out(
    any_database: Database, reference: Path
) -> None:
    half = ["DE"] * 150 + ["NO"] * 140 + [None] * 10
    age = [40.0] * 150 + batch(1).features["age"][150:]

    says = found(any_database, spec(reference, "country"), batch(1, country=half, age=age))

    assert says["country=DE"].verdict is Verdict.ALARM
    assert says["country=NO"].verdict is Verdict.OK
    assert says["country=NO"].counts.total == 140
    assert set(says) == {"", "version=6", "country=DE", "country=NO"}


def test_a_slice_in_alarm_by_too_few_events_for_a_score_says_how_many_there_were(
    any_database: Database, reference: Path
) -> None:
    few, rest = 90, batch(1)
    moved = batch(1, country=["DE"] * few + ["NO"] * 210, age=[90.0] * few + rest.features["age"][few:])

    says = found(any_database, spec(reference, "country"), moved)["country=DE"]

    assert (says.verdict, says.score, says.counts) == (Verdict.ALARM, None, Counts(0, few))
    assert "all of them together" not in says.reason


def test_a_slice_does_not_differ_by_what_makes_it_one(any_database: Database, reference: Path) -> None:
    says = found(any_database, spec(reference, "city"), batch(1, events=2000))

    assert says["city=Lyon"].counts.total > 800
    assert {each.verdict for each in says.values()} == {Verdict.OK}


def test_a_slice_of_a_new_value_is_not_bad_for_being_new(any_database: Database, reference: Path) -> None:
    city, age = ["Atlantis"] * 150 + ["Lyon"] * 150, batch(1).features["age"]
    watched = spec(reference, "city", data={"window": "10s", "min_events": 100})

    calm = found(any_database, watched, batch(1, city=city), signal="data")
    later = START + 5 * WINDOW
    missing = found(any_database, watched, batch(1, city=city, age=[None] * 150 + age[150:]), at=later, signal="data")

    assert "city: 50.0% of its values are new" in calm[""].reason
    assert calm["city=Atlantis"].verdict is Verdict.OK
    assert calm["city=Atlantis"].counts == Counts(0, 150)
    assert "age: 100.0% of its values are missing" in missing["city=Atlantis"].reason


def test_events_of_another_kind_are_in_no_slice_that_none_of_them_has() -> None:
    assert dict(sliced(batch(1, country=[None] * 300), ["country"])) == {}


def test_an_engine_that_starts_again_in_a_window_goes_on_with_every_part(
    any_database: Database, reference: Path
) -> None:
    shop = spec(reference, "country")
    for seed in (1, 2):
        some = batch(seed, "7", country=["DE"] * 300)
        any_database.write(lambda tx, some=some: keep_batch(tx, some, START))  # type: ignore[misc]  # mypy cannot infer it
        DetectorEngine(any_database, [shop]).run_once(START + WINDOW / 2)

    says = found(any_database, shop)

    assert {part: each.counts.total for part, each in says.items()} == {"": 600, "version=7": 600, "country=DE": 600}
    with any_database.read() as tx:
        assert signals.load_states(tx) == []


def test_a_shadow_is_judged_beside_the_whole_and_is_in_none_of_it(any_database: Database, reference: Path) -> None:
    shadow = replace(batch(2, "8", country=["DE"] * 300), prediction=["fraud"] * 300, shadow=True)

    says = found(any_database, spec(reference, "country"), batch(1), shadow)

    assert says[""].counts.total == 300
    assert says[""].verdict is Verdict.OK
    assert says["shadow=8"].verdict is Verdict.ALARM
    assert says["shadow=8/others"].contributors[0].feature == "(prediction)"
    assert set(says) == {"", "version=6", "shadow=8", "shadow=8/others"}


def test_a_shadow_alone_makes_nothing_of_the_whole(any_database: Database, reference: Path) -> None:
    says = found(any_database, spec(reference), replace(batch(1, "8"), shadow=True))

    assert says[""].reason == "no events in the window"
    assert says["shadow=8"].verdict is Verdict.OK


def test_more_versions_or_values_than_may_be_are_counted_together() -> None:
    known: list[str] = []
    for number in range(30):
        for part in (f"version={number}", f"country={number}"):
            known.append(admitted(part, known))

    kept = set(known)
    assert sum(part.startswith("version=") for part in kept) == MOST_VERSIONS + 1
    assert sum(part.startswith("country=") for part in kept) == MOST_VALUES + 1
    assert {"version=other", "country=other"} <= kept


def test_a_slice_of_ids_costs_no_more_than_one_of_few_values() -> None:
    ids = batch(1, events=3000, user=[f"u{number}" for number in range(3000)])

    parts = dict(sliced(ids, ["user"], ["user=u2999", "version=6"]))

    assert len(parts) == MOST_VALUES + 1
    assert len(parts["user=u2999"]) == 1
    assert len(parts["user=other"]) == 3000 - MOST_VALUES


def test_what_is_remembered_lasts_over_windows_of_which_nothing_can_be_said() -> None:
    silent, said = no_data("too few"), Judgement(Verdict.OK, 0.0, Counts(0, 9), "", memory=b"new")

    after = memories_after({"": b"old", "version=5": b"old", "version=6": b"old"}, {"": silent, "version=6": said})

    assert after == {"": b"old", "version=5": b"old", "version=6": b"new"}
    many = {f"country={number}": b"old" for number in range(300)}
    assert memories_after(many, {"": said}) == {"": b"new"}


def test_values_of_every_type_name_a_slice() -> None:
    events = batch(1, events=5, country=["DE", True, 3.0, None, "x" * 2000])

    parts = dict(sliced(events, ["country", "absent"]))

    assert sorted(parts) == ["country=(missing)", "country=3", "country=DE", "country=true", "country=" + "x" * 64]
    assert [len(part) for part in parts.values()] == [1] * 5


@pytest.mark.parametrize(
    ("slices", "message"),
    [(["version"], "'version' cannot name a slice"), (["a=b"], "cannot name"), (["a", "a"], "'a' is named twice")],
)
def test_a_slice_that_cannot_be_told_apart_is_refused(slices: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EventsSpec.model_validate({"slices": slices})
