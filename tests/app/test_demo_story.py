"""The demo's story: what must have happened, when nothing more can come, and why a part is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from burnline.app.demo_story import DRIFT_PATIENCE, Story, summary
from burnline.app.demo_traffic import Reading, Traffic
from burnline.slo.windows import tiers

RELEASE = datetime(2026, 1, 5, 12, tzinfo=UTC)
PERIOD, OBJECTIVE = timedelta(hours=12), 0.99
FASTEST = tiers(PERIOD, OBJECTIVE)[0]


def after(seconds: float) -> datetime:
    """So long after the release."""
    return RELEASE + timedelta(seconds=seconds)


def incident(*entries: tuple[float, str, str], closed: float | None = None, **run: Any) -> dict[str, Any]:
    """An incident as the API gives it: entries of (seconds, type, text)."""
    return {
        "id": 1,
        "opened_at": after(9).isoformat(),
        "state": "open" if closed is None else "closed",
        "closed_at": closed and after(closed).isoformat(),
        "entries": [
            {"at": after(at).isoformat(), "source": "alerting", "type": kind, "text": text}
            for at, kind, text in entries
        ],
        "runs": [{"id": 1, "outcome": None, "finished_at": None, **run}] if run else [],
    }


def drift(at: float, verdict: str, reason: str) -> dict[str, Any]:
    """The newest window of drift."""
    return {"name": "drift", "verdict": verdict, "reason": reason, "at": after(at).isoformat()}


PAGE = (22.0, "episode_opened", "ErrorBudgetBurn availability page-fast fires")
HISTORY: list[dict[str, Any]] = [{"to": "1", "at": after(-60).isoformat()}, {"to": "2", "at": RELEASE.isoformat()}]
BACK = {"history": [*HISTORY, {"to": "1", "at": after(23).isoformat()}]}
RECOVERED = {"outcome": "recovered", "finished_at": after(44).isoformat()}


@pytest.fixture
def story() -> Story:
    """Version 2 has just been released; half of its 80 requests a second fail."""
    told = Story(released=RELEASE)
    readings = [Reading(after(at), 80 * (at + 60), 40.0 * max(0, at), "2" if at > 0 else "1") for at in range(-60, 30)]
    told.traffic = Traffic(readings)
    return told


def happy(story: Story) -> Story:
    """Everything happens."""
    list(story.note_signals([drift(9, "alarm", "5 of 31 features drifted")]))
    list(story.note_incident(incident(PAGE, closed=46, **RECOVERED)))
    story.note_registry(BACK)
    story.traffic.readings.append(Reading(after(24), 6700, 900, "1"))
    story.note_serving()
    return story


def told(story: Story) -> str:
    """The summary as text."""
    console = Console(width=200)
    with console.capture() as capture:
        console.print(summary(story, FASTEST, OBJECTIVE, PERIOD, {"requests": "9 answered"}))
    return capture.get()


def test_a_story_in_which_all_happened_is_complete(story: Story) -> None:
    happy(story)

    assert story.complete
    assert story.missing(FASTEST, OBJECTIVE) == {}
    assert [when for when in story.parts.values() if when] == [after(at) for at in (9, 22, 23, 24, 44, 46)]


@pytest.mark.parametrize("part", ["drifted", "paged", "rolled_back", "restored", "verified", "closed", "released"])
def test_no_part_may_be_missing(story: Story, part: str) -> None:
    setattr(happy(story), part, None)

    assert not story.complete


def test_everything_is_said_once(story: Story) -> None:
    first = list(story.note_incident(incident(PAGE, (23, "step_started", "roll-back"))))
    again = list(story.note_incident(incident(PAGE)))

    assert [line.text for line in first] == ["ErrorBudgetBurn availability page-fast fires"]
    assert again == []


def test_a_ticket_is_no_page(story: Story) -> None:
    list(story.note_incident(incident((9, "episode_opened", "SignalAlarm drift fires"))))

    assert story.paged is None


def test_an_incident_that_was_over_before_the_release_closes_nothing(story: Story) -> None:
    """On a slow machine the start may look like missing data."""
    list(story.note_incident(incident((-50, "episode_opened", "SloNoData quality fires"), closed=-40)))

    assert story.closed is None
    assert not story.open


def test_an_incident_in_healthy_traffic_disturbs_it_and_an_earlier_one_does_not(story: Story) -> None:
    list(story.note_incident(incident()))

    assert story.open == {1}
    assert story.disturbed(after(8))
    assert not story.disturbed(after(10))


def test_an_alarm_from_before_the_release_is_not_its_drift(story: Story) -> None:
    assert list(story.note_signals([drift(-1, "alarm", "old")])) == []
    assert story.drifted is None


def test_the_release_itself_is_not_the_rollback(story: Story) -> None:
    story.note_registry({"history": HISTORY})

    assert story.rolled_back is None


def test_a_server_that_still_serves_version_2_is_not_restored(story: Story) -> None:
    story.note_registry(BACK)
    story.note_serving()

    assert story.rolled_back == after(23)
    assert story.restored is None


def test_while_a_run_goes_on_there_is_hope(story: Story) -> None:
    list(story.note_incident(incident(PAGE, outcome=None)))

    assert not story.hopeless(after(80))


@pytest.mark.parametrize("outcome", ["not_recovered", "failed", "skipped", "no_data"])
def test_a_run_that_ended_otherwise_ends_the_wait_and_is_the_reason(story: Story, outcome: str) -> None:
    list(story.note_incident(incident(PAGE, outcome=outcome, finished_at=after(30).isoformat())))

    assert story.hopeless(after(31))
    assert story.missing(FASTEST, OBJECTIVE)["recovery verified"] == f"run 1: {outcome}"


def test_drift_is_given_up_when_its_windows_were_judged(story: Story) -> None:
    list(story.note_signals([drift(20, "no_data", "207 events in the window; needs 300")]))
    happy(story).drifted = None

    assert not story.hopeless(after(47))
    assert story.hopeless(after(23) + DRIFT_PATIENCE + timedelta(seconds=1))


def test_drift_that_is_missing_says_what_the_last_window_of_the_bad_version_said(story: Story) -> None:
    list(story.note_signals([drift(20, "no_data", "207 events in the window; needs 300")]))
    story.note_registry(BACK)
    list(story.note_signals([drift(40, "ok", "0 of 31 features drifted")]))

    assert story.missing(FASTEST, OBJECTIVE)["drift alarm"] == "207 events in the window; needs 300"


def test_a_page_that_is_missing_says_how_much_failed_and_how_much_had_to(story: Story) -> None:
    story.traffic = Traffic([Reading(after(-60), 0, 0), Reading(after(0), 4800, 0), Reading(after(60), 9600, 240)])

    assert story.missing(FASTEST, OBJECTIVE)["page"] == (
        "at most 5.0% of the requests of 1m failed; a page needs 14.4%"
    )


def test_without_a_release_there_is_one_reason() -> None:
    story = Story(failure="not healthy after 90 s")

    assert story.missing(FASTEST, OBJECTIVE) == {"bad release": "not healthy after 90 s"}
    assert not story.complete
    assert told(story).count("✗") == 1


def test_the_summary_ticks_what_happened_and_gives_the_least_time_from_the_traffic(story: Story) -> None:
    """40 t > 0.144 x 4800: 17.3 s."""
    story.budget_before, story.budget_after = 1.0, 0.977

    text = told(happy(story))

    assert text.count("✓") == 6
    assert "✗" not in text
    assert "at best 17.3 s: then 692 of the 4,800 requests of 1m had failed, over 14.4 x 1%" in text
    assert "budget spent 2.3% of the budget of availability over 12h" in " ".join(text.split())
    assert "9 answered" in text


def test_the_summary_crosses_what_did_not_happen_and_says_why(story: Story) -> None:
    list(story.note_incident(incident(PAGE, outcome="not_recovered", finished_at=after(30).isoformat())))

    rows = {line.split("  ")[1].strip(): line for line in told(story).splitlines() if line.startswith(("✓", "✗"))}

    assert rows["page"].startswith("✓")
    assert rows["recovery verified"].startswith("✗")
    assert "run 1: not_recovered" in rows["recovery verified"]
