"""Drift by a library: it says whether, the counts say how much; and nothing that happens to it reaches the service."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.detectors.build import build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Asking, Detector, Judgement
from burnline.detectors.drift import Drift
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.engines.choose import engine_flaws, engine_notes, rows_flaws
from burnline.detectors.engines.desk import Desk
from burnline.detectors.engines.drift import LibraryDrift
from burnline.detectors.engines.here import missing_libraries
from burnline.detectors.profile import Reference, load_reference, save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.events import Counts, PredictionBatch, Verdict
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import DriftSpec
from burnline.store.database import Database
from burnline.store.pages import page_of, page_starts
from tests.detectors.engine_worker import interpreter
from tests.detectors.samples import START, answers, draw, make_batch
from tests.detectors.test_engine import WINDOW, findings, send

ROWS = 1000


def make_reference(rows: int = ROWS, events: int = 20_000) -> Reference:
    rng = np.random.default_rng(1)
    return build_profile(draw(rng, events), *answers(rng, events), name="shop", rows=rows)


REFERENCE = make_reference()
READER = ColumnReader(REFERENCE)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk({"evidently": interpreter(tmp_path, "evidently"), "alibi": interpreter(tmp_path, "alibi-detect")})
    yield made
    made.close()


def drift(desk: Desk, reference: Reference = REFERENCE, **section: Any) -> LibraryDrift:
    return LibraryDrift(reference, DriftSpec.model_validate({"engine": "evidently", **section}), desk)


def judge(detector: Detector, batch: PredictionBatch) -> Judgement:
    return detector.judge(detector.fold(READER.read(batch)))


def batch(events: int = 1000, seed: int = 2, **changes: Any) -> PredictionBatch:
    return make_batch(np.random.default_rng(seed), events, changes=changes)


def test_what_the_library_calls_drift_has_the_size_that_the_counts_give(desk: Desk) -> None:
    moved = batch(age=np.random.default_rng(3).normal(50, 10, 1000).tolist())

    said = judge(drift(desk), moved)

    by_counts = judge(Drift(REFERENCE, DriftSpec()), moved)
    assert (said.verdict, by_counts.verdict) == (Verdict.ALARM, Verdict.ALARM)
    assert said.score == by_counts.score
    assert said.counts == by_counts.counts == Counts(1000 * (said.score or 0), 1000), "budgets of both are comparable"
    assert said.contributors[0].feature == "age"
    assert said.contributors[0].shown["moved"] > 0.9
    assert "age most: DataDriftPreset: moved by" in said.reason
    assert "evidently 0, 1000 rows" in said.reason
    assert said.page == b"<p>page</p>"


def test_what_it_calls_drift_is_no_alarm_while_the_effect_is_small(desk: Desk) -> None:
    eager = drift(desk, checks=[{"ValueDrift": {"limit": -1}}])

    said = judge(eager, batch())

    assert said.verdict is Verdict.OK
    assert "calls amount drift, but by 0.0% of the events beyond chance at most (limit 5.0%)" in said.reason


@pytest.mark.parametrize("mean", [43, 60])
def test_bad_events_are_counted_as_without_a_library_also_while_they_are_few(desk: Desk, mean: float) -> None:
    moved = batch(5000, age=np.random.default_rng(3).normal(mean, 10, 5000).tolist())

    said = judge(drift(desk, checks=[{"ValueDrift": {"limit": -1}}], threshold=0.1), moved)

    assert said.verdict is (Verdict.ALARM if mean == 60 else Verdict.OK)
    assert said.counts == judge(Drift(REFERENCE, DriftSpec()), moved).counts
    assert said.counts.bad > 0


def test_what_it_does_not_call_drift_is_none(desk: Desk) -> None:
    blind = drift(desk, checks=[{"ValueDrift": {"limit": 1e9}}])

    said = judge(blind, batch(age=[400.0] * 1000))

    assert (said.verdict, said.score, said.counts.bad) == (Verdict.OK, 0.0, 0.0)
    assert said.reason.startswith("None of 7 drifted")


def test_a_test_of_all_features_has_a_score_of_its_own(desk: Desk) -> None:
    said = judge(drift(desk, engine="alibi", checks=[{"MMDDrift": {"excess": 0.75}}]), batch())

    assert (said.verdict, said.score, said.counts.bad) == (Verdict.ALARM, 0.75, 1000)
    assert said.contributors[0].feature == "(all features)"
    assert said.page == b"", "alibi-detect makes no page"


def test_a_condition_that_is_not_met_alarms(desk: Desk) -> None:
    condition = {"MissingValueCount": {"condition": 1, "column": "age"}}

    said = judge(drift(desk, checks=[condition]), batch())

    assert (said.verdict, said.score) == (Verdict.ALARM, 1.0)
    assert "age most: MissingValueCount: not met" in said.reason


def test_an_error_of_the_library_is_no_data(desk: Desk) -> None:
    said = judge(drift(desk, checks=[{"ValueDrift": {"raise": "bins"}}]), batch())

    assert said.verdict is Verdict.NO_DATA
    assert said.reason == "evidently failed: ValueError: bins"


def test_what_becomes_of_windows_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    desk = Desk({"evidently": interpreter(tmp_path)}, tell=lambda *of: told.append(of))

    judge(drift(desk), batch())
    judge(drift(desk, checks=[{"ValueDrift": {"raise": "bins"}}]), batch())
    (tmp_path / "die").touch()
    judge(drift(desk), batch(seed=3))
    desk.close()

    assert told == [("evidently", "judged"), ("evidently", "error"), ("evidently", "failed")]


def test_a_worker_that_dies_is_no_data(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "die").touch()

    said = judge(drift(desk), batch())

    assert said.verdict is Verdict.NO_DATA
    assert said.reason == "the worker of evidently ended with status 9"


def test_a_library_that_is_not_there_is_no_data_and_says_how_to_get_it(tmp_path: Path) -> None:
    desk = Desk()

    said = judge(drift(desk), batch())
    desk.close()

    assert said.verdict is Verdict.NO_DATA
    assert "No module named 'evidently'; BURNLINE_EVIDENTLY_PYTHON must name an interpreter that has it" in said.reason
    assert "docs/detectors/engines.md" in said.reason


def test_a_reference_without_rows_is_no_data_and_says_what_to_do(desk: Desk) -> None:
    said = judge(drift(desk, make_reference(rows=0)), batch())

    assert said.verdict is Verdict.NO_DATA
    assert "burnline profile --rows 2000" in said.reason


def test_columns_without_values_are_left_out(desk: Desk) -> None:
    said = judge(drift(desk), batch(age=[None] * 1000))

    assert said.verdict is Verdict.OK
    assert said.reason.startswith("None of 6 drifted")


def test_two_versions_are_compared_by_the_counts(desk: Desk) -> None:
    detector, plain = drift(desk), Drift(REFERENCE, DriftSpec())
    one, other = batch(), batch(age=[400.0] * 1000)

    said = detector.compare(*(detector.fold(READER.read(each)) for each in (one, other)))

    assert said == plain.compare(*(plain.fold(READER.read(each)) for each in (one, other)))


def test_the_rows_of_a_reference_are_drawn_and_kept(tmp_path: Path) -> None:
    save_reference(REFERENCE, tmp_path / "ref.json")

    again = load_reference(tmp_path / "ref.json")

    assert again == REFERENCE
    assert again.rows is not None
    assert set(again.rows.columns) == {*REFERENCE.features, "(prediction)"}
    assert {len(column) for column in again.rows.columns.values()} == {ROWS}
    assert make_reference(rows=0).digest() != REFERENCE.digest()


def spec(reference: Path, **signals: Any) -> ServiceSpec:
    written = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "signals": signals}
    return ServiceSpec.model_validate({**written, "model": {"name": "m", "reference": str(reference)}})


def test_while_the_library_is_at_work_everything_else_goes_on(desk: Desk, tmp_path: Path, database: Database) -> None:
    save_reference(REFERENCE, tmp_path / "ref.json")
    os.mkfifo(tmp_path / "wait")
    section = {"window": "10s", "min_events": 100}
    engine = DetectorEngine(
        database, [spec(tmp_path / "ref.json", drift={**section, "engine": "evidently"}, data=section)], desk=desk
    )
    send(database, START, events=600)
    for turn in range(3):
        engine.run_once(START + 2 * WINDOW)
        send(database, START + 2 * WINDOW + turn * WINDOW / 10, events=600)

    while_it_works = [(found.signal, found.window_start) for found in findings(database)]
    releasing = threading.Thread(target=release, args=(tmp_path,))
    releasing.start()
    while not any(found.signal == "drift" for found in findings(database)):
        engine.run_once(START + 2 * WINDOW)
    releasing.join()
    engine.run_once(START + 2 * WINDOW)

    assert {signal for signal, _ in while_it_works} == {"data"}
    drifts = [found for found in findings(database) if found.signal == "drift"]
    assert [found.window_start for found in drifts] == [START, START + WINDOW]
    assert drifts[0].verdict is Verdict.OK
    assert drifts[0].counts.total == 600


def test_the_page_of_a_window_in_alarm_is_kept_with_its_finding(desk: Desk, tmp_path: Path, database: Database) -> None:
    save_reference(REFERENCE, tmp_path / "ref.json")
    service = spec(tmp_path / "ref.json", drift={"window": "10s", "min_events": 100, "engine": "evidently"})
    engine = DetectorEngine(database, [service], desk=desk)
    send(database, START, events=600, age=[400.0] * 600)
    send(database, START + WINDOW, events=600)

    while len(findings(database)) < 2:
        engine.run_once(START + 2 * WINDOW)

    with database.read() as tx:
        assert page_starts(tx, "shop", "drift") == [START]
        assert page_of(tx, "shop", "drift", START) == b"<p>page</p>"
    assert [found.verdict for found in findings(database)] == [Verdict.ALARM, Verdict.OK]


def release(folder: Path) -> None:
    """Let the worker go on: whoever reads the pipe finds its end, and then that it is gone."""
    with (folder / "wait").open("wb"):
        (folder / "wait").unlink()


def test_a_window_whose_answer_a_crash_lost_is_asked_again(desk: Desk, tmp_path: Path, database: Database) -> None:
    save_reference(REFERENCE, tmp_path / "ref.json")
    service = spec(tmp_path / "ref.json", drift={"window": "10s", "min_events": 100, "engine": "evidently"})
    send(database, START, events=600)
    DetectorEngine(database, [service], desk=desk).run_once(START + WINDOW)
    assert findings(database) == []

    again = Desk({"evidently": interpreter(tmp_path)})
    engine = DetectorEngine(database, [service], desk=again)
    while not findings(database):
        engine.run_once(START + WINDOW)
    again.close()

    assert [found.counts.total for found in findings(database)] == [600]


def test_nobody_waits_for_more_windows_than_can_be_judged(tmp_path: Path) -> None:
    told: list[str] = []
    desk = Desk({"evidently": interpreter(tmp_path)}, tell=lambda _, outcome: told.append(outcome))
    os.mkfifo(tmp_path / "wait")
    detector = drift(desk)
    assert isinstance(detector, Asking)
    sketches = [detector.fold(READER.read(batch(500, seed))) for seed in range(60)]

    ready = [detector.ready(sketch) for sketch in sketches]
    said = detector.judge(sketches[-1])
    desk.close()

    assert "too_many" in told
    assert not any(ready[:50])
    assert ready[-1]
    assert said.verdict is Verdict.NO_DATA
    assert "50 windows wait for evidently already" in said.reason


def test_a_desk_that_is_closed_starts_no_worker_for_the_windows_that_still_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "wait")
    said: list[str] = []
    desk = Desk({"evidently": interpreter(tmp_path)}, tell=lambda _, outcome: said.append(outcome))
    for number in range(3):
        desk.ready("evidently", bytes([number]), lambda: ({}, b""))

    desk.close()
    for thread in threading.enumerate():
        if thread.name == "worker-evidently":
            thread.join(20)  # a worker that was started anew would hang for five minutes

    assert said == ["failed"] * 3


@pytest.mark.parametrize(
    ("section", "place", "message"),
    [
        ({"engine": "evidentely"}, "engine", "accepted: burnline, evidently or alibi; did you mean 'evidently'?"),
        ({"engine": "alibi", "checks": ["KSDrift", "KsDrift"]}, 1, "did you mean 'KSDrift'?"),
        ({"checks": ["KSDrift"]}, "checks", "burnline takes none"),
    ],
)
def test_a_wrong_name_is_told_with_what_would_be_right(section: dict[str, Any], place: str | int, message: str) -> None:
    (flaw,) = engine_flaws(spec(Path("ref.json"), drift=section))

    assert flaw.place[-1] == place
    assert message in flaw.message


def test_the_licence_of_alibi_detect_is_told() -> None:
    assert not list(engine_notes(spec(Path("ref.json"), drift={"engine": "evidently"})))
    (note,) = engine_notes(spec(Path("ref.json"), drift={"engine": "alibi"}))

    assert note.place == ("signals", "drift", "engine")
    assert "Business Source License 1.1" in note.message


def test_what_a_test_of_a_stream_does_here_is_told_where_it_is_configured() -> None:
    checks = ["KSDrift", {"MMDDriftOnline": {"ert": 500}}]

    *_, note = engine_notes(spec(Path("ref.json"), drift={"engine": "alibi", "window": "10m", "checks": checks}))

    assert note.place == ("signals", "drift", "checks", 1)
    assert "MMDDriftOnline goes on from window to window" in note.message
    assert "begins anew, as the finding then says, when its process starts again" in note.message


def test_a_library_that_is_not_here_is_told_before_anything_starts(tmp_path: Path) -> None:
    service = spec(Path("ref.json"), drift={"engine": "alibi"})

    (without,) = missing_libraries(service, {})
    (gone,) = missing_libraries(service, {"alibi": str(tmp_path / "python")})
    with_it = list(missing_libraries(service, {"alibi": "/bin/true"}))

    assert without.place == ("signals", "drift", "engine")
    assert "has no alibi_detect" in without.message
    assert "BURNLINE_ALIBI_PYTHON must name an interpreter" in without.message
    assert "python: No such file or directory" in gone.message
    assert with_it == []


def test_an_interpreter_that_is_not_there_is_no_data_and_says_which_setting(tmp_path: Path) -> None:
    desk = Desk({"evidently": str(tmp_path / "python")})

    said = judge(drift(desk), batch())
    desk.close()

    assert "cannot start: [Errno 2]" in said.reason
    assert "BURNLINE_EVIDENTLY_PYTHON" in said.reason


def test_without_its_library_the_parts_of_a_service_are_not_judged_by_counts(
    tmp_path: Path, database: Database
) -> None:
    save_reference(REFERENCE, tmp_path / "ref.json")
    service = spec(tmp_path / "ref.json", drift={"window": "10s", "min_events": 100, "engine": "evidently"})
    desk = Desk({"evidently": str(tmp_path / "python")})
    engine = DetectorEngine(database, [service], desk=desk)
    send(database, START, events=600, age=[400.0] * 600)

    while not engine.latest():
        engine.run_once(START + WINDOW)
    desk.close()

    assert [found.verdict for found in engine.latest()] == [Verdict.NO_DATA]
    assert engine.latest_parts() == ()


def test_a_reference_without_rows_is_told_before_anything_starts() -> None:
    service = spec(Path("ref.json"), drift={"engine": "evidently"})

    assert not list(rows_flaws(service, REFERENCE))
    assert "burnline profile --rows" in next(rows_flaws(service, make_reference(rows=0))).message


def test_a_process_without_a_desk_judges_nothing() -> None:
    built = build_detectors(spec(Path("ref.json"), drift={"engine": "evidently"}), REFERENCE)

    assert judge(built["drift"], batch()).reason == "this process asks no evidently"
