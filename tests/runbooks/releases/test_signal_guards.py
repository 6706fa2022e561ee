"""Guards on signals judge the version that is released, by its own events and beside the others."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.events import Counts, Finding, GuardVerdict, ReleaseState, Verdict
from burnline.store import signals
from burnline.store.database import Database
from tests.runbooks.releases.scene import MINUTE, Scene

HARD = {"signal": "drift", "kind": "hard", "above": 0.3}
COMPARED = {"signal": "drift", "kind": "compared", "above": 0.05}
SEQUENTIAL = {"signal": "data", "kind": "sequential", "worse_than_baseline": "1.5x", "min_events": 500}


class Judged:
    """What a service's signals say, minute by minute."""

    def __init__(self, db: Database, scene: Scene) -> None:
        self.db, self.scene = db, scene
        self.minutes = 0

    def minute(self, signal: str = "drift", **parts: tuple[float, float, float]) -> None:
        """A window: by part, written as `version_2`, its score, bad and total events."""
        for name, (score, bad, total) in parts.items():
            part = {"whole": "", "others": "version=2/others"}.get(name, name.replace("_", "="))
            self._record(self.scene.now, signal, part, score, Counts(bad, total))
        self.scene.play(1)

    def small_window(self) -> None:
        """One of version 2 in which an alarm goes on, too small for a score."""
        self._record(self.scene.now, "drift", "version=2", None, Counts(0, 0))
        self.scene.play(1)

    def _record(self, start: datetime, signal: str, part: str, score: float | None, counts: Counts) -> None:
        verdict = Verdict.ALARM if score is None or score > 0.05 else Verdict.OK
        found = Finding("fraud", signal, start, start + MINUTE / 2, verdict, score, counts, "As said.", (), part)
        self.db.write(lambda tx: signals.record_finding(tx, found))


@pytest.fixture
def begin(database: Database, tmp_path: Path) -> Any:
    def begun(guard: dict[str, Any], **release: Any) -> Judged:
        scene = Scene(database, tmp_path, guards=[guard], **release)
        scene.start()
        return Judged(database, scene)

    return begun


def test_a_hard_guard_reads_the_new_version_not_the_crowd(begin: Any) -> None:
    judged = begin(HARD)

    judged.minute(whole=(0.1, 10, 100), version_1=(0.0, 0, 90), version_2=(0.4, 4, 10))

    assert judged.scene.looks()[-1].verdict is GuardVerdict.FAIL
    assert judged.scene.looks()[-1].text == "drift of version=2 is 0.4; allowed: at most 0.3"
    assert judged.scene.rollout().state is ReleaseState.ABORTING


def test_a_version_of_which_nothing_is_known_is_no_data_even_beside_a_healthy_one(begin: Any) -> None:
    judged = begin(HARD)

    judged.minute(whole=(0.0, 0, 100), version_1=(0.0, 0, 100))

    assert judged.scene.looks()[-1].verdict is GuardVerdict.NO_DATA


def test_where_events_name_no_version_the_whole_is_read(begin: Any) -> None:
    judged = begin(HARD)

    judged.minute(whole=(0.2, 20, 100))

    assert judged.scene.looks()[-1].verdict is GuardVerdict.PASS


def test_an_alarm_that_goes_on_in_a_window_too_small_for_a_score_is_judged_by_the_score_it_had(begin: Any) -> None:
    judged = begin({**HARD, "on_violation": "review"})

    judged.minute(whole=(0.1, 10, 100), version_2=(0.2, 2, 10))
    judged.small_window()
    within = judged.scene.looks()[-1]
    judged.minute(whole=(0.1, 10, 100), version_2=(0.4, 4, 10))
    judged.small_window()
    beyond = judged.scene.looks()[-1]

    assert (within.verdict, beyond.verdict) == (GuardVerdict.PASS, GuardVerdict.FAIL)
    assert beyond.text == (
        "drift of version=2 is 0.4; allowed: at most 0.3; the alarm goes on, and its newest window has too few events "
        "for a score of its own"
    )


@pytest.mark.parametrize("calm_before", [False, True])
def test_an_alarm_that_never_had_a_score_lets_no_release_pass_and_is_not_no_data(
    begin: Any, *, calm_before: bool
) -> None:
    judged = begin(HARD, promote="auto", on_no_data="abort")
    if calm_before:
        judged.minute(whole=(0.0, 0, 100), version_2=(0.0, 0, 100))

    judged.small_window()

    assert judged.scene.looks()[-1].verdict is GuardVerdict.INCONCLUSIVE
    assert judged.scene.looks()[-1].text == (
        "drift of version=2 is in alarm, and since then no window had events enough for a score. As said."
    )
    assert judged.scene.rollout().state is ReleaseState.BAKING


def test_what_a_window_from_before_the_release_says_is_no_word_on_it(begin: Any) -> None:
    judged = begin(HARD)
    judged.scene.now -= timedelta(minutes=10)
    judged._record(judged.scene.now, "drift", "version=2", 0.9, Counts(9, 10))
    judged.scene.now += timedelta(minutes=10)

    judged.scene.play(1)

    assert judged.scene.looks()[-1].verdict is GuardVerdict.NO_DATA


def test_a_drift_that_every_version_sees_does_not_stop_a_release(begin: Any) -> None:
    judged = begin(COMPARED)

    judged.minute(whole=(0.6, 60, 100), version_1=(0.6, 54, 90), version_2=(0.6, 6, 10), others=(0.0, 0, 10))
    alike = judged.scene.looks()[-1]
    judged.minute(whole=(0.6, 60, 100), version_1=(0.6, 54, 90), version_2=(0.7, 7, 10), others=(0.2, 2, 10))

    assert alike.verdict is GuardVerdict.PASS
    assert judged.scene.looks()[-1].verdict is GuardVerdict.FAIL
    assert judged.scene.looks()[-1].text.endswith("is 0.2; allowed: at most 0.05. As said.")


def test_a_sequential_guard_counts_each_window_of_both_versions_once(begin: Any) -> None:
    judged = begin(SEQUENTIAL)

    for _ in range(3):
        judged.minute("data", whole=(0.0, 10, 1000), version_1=(0.0, 9, 900), version_2=(0.0, 1, 100))

    assert judged.scene.looks()[-1].data["canary"] == [3, 300]
    assert judged.scene.looks()[-1].data["baseline"] == [27, 2700]
    assert judged.scene.looks()[-1].verdict is GuardVerdict.INCONCLUSIVE


def test_a_version_with_more_bad_events_is_taken_back(begin: Any) -> None:
    judged = begin(SEQUENTIAL)

    for _ in range(5):
        judged.minute("data", whole=(0.0, 29, 1000), version_1=(0.0, 9, 900), version_2=(0.2, 20, 100))
        if judged.scene.rollout().state is not ReleaseState.BAKING:
            break

    assert judged.scene.rollout().state is ReleaseState.ABORTING
    assert "data: canary 20.00%" in judged.scene.rollout().note


def test_a_shadow_is_compared_with_those_who_serve(begin: Any) -> None:
    judged = begin(SEQUENTIAL, strategy="shadow")

    judged.minute("data", whole=(0.0, 10, 1000), shadow_2=(0.0, 5, 1000), version_2=(0.0, 7, 7))

    assert judged.scene.looks()[-1].data["canary"] == [5, 1000]
    assert judged.scene.looks()[-1].data["baseline"] == [10, 1000]
