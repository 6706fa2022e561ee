"""The pages of incidents, and what they leave behind, as a browser without scripts gets them."""

from __future__ import annotations

import re

import pytest

from tests.app.scenes import HOSTILE, break_release, browser, deliver, row, text
from tests.flow.world import World


def test_an_incident_tells_what_happened_in_order_with_the_time_since_it_opened(over: World) -> None:
    page = text(browser(over.app).get("/incidents/1").text)

    told = ["version 2 took over from 1", "availability page-fast fires", "2 -> 1", "ended: recovered", "closed: every"]
    places = [page.index(words) for words in told]
    assert places == sorted(places)
    assert re.search(r"-\d+s release version 2 took over", page)
    assert re.search(r"\+[\dms ]+ runbook runbook bad-release ended: recovered", page)
    assert "record intact" in page
    assert "● closed" in page
    assert "Run 1: bad-release ● recovered" in page


def test_steps_that_end_at_once_have_one_line(over: World) -> None:
    page = text(browser(over.app).get("/incidents/1").text)

    assert "roll-back: started" not in page
    assert page.count("roll-back: registry.json") == 1


def test_a_step_that_took_no_time_takes_no_line_of_a_narrow_page(over: World) -> None:
    page = browser(over.app).get("/incidents/1").text

    assert re.search(r'class="right number instant" data-label="Took">0s<', page)
    assert re.search(r'class="right number" data-label="Took">\d{1,2}(\.\d)?s<', page)
    assert ".stack .instant { display: none; }" in browser(over.app).get("/static/console.css").text


def test_a_record_that_was_changed_is_said_to_be(scene: World) -> None:
    scene.live(20)
    break_release(scene)
    scene.app.db.write(lambda tx: tx.exec_driver_sql("UPDATE timeline SET text = 'all fine' WHERE id = 2"))

    page = text(browser(scene.app).get("/incidents/1").text)

    assert "▲ the record was changed after it was written" in page


def test_incidents_are_listed_with_what_was_done(over: World) -> None:
    page = text(browser(over.app).get("/incidents").text)

    assert "● closed" in page
    assert "bad-release recovered" in page


def test_a_drill_is_shown_as_one_and_is_no_incident_of_the_service(scene: World) -> None:
    deliver(scene, service="scoring", summary="DRILL of scoring", drill="true")
    deliver(scene, service="scoring", summary="the drill errors failed", alertname="DrillFailed", fingerprint="e" * 16)

    fleet, listed, one, own = (
        text(browser(scene.app).get(path).text) for path in ("/", "/incidents", "/incidents/1", "/services/scoring")
    )

    assert "open incidents 0" in fleet
    assert all("- DRILL DRILL of scoring scoring" in page for page in (fleet, listed))
    assert "no alert of the service itself is in it" in one
    assert "DRILL: DrillFailed fires" in one
    assert "DRILL" not in own
    assert [each["drill"] for each in browser(scene.app).get("/v1/incidents").json()] == [True]


def test_without_incidents_the_list_says_so(scene: World) -> None:
    assert "Nothing has gone wrong yet." in text(browser(scene.app).get("/incidents").text)


@pytest.mark.parametrize("path", ["/", "/incidents", "/incidents/1", "/incidents/2", "/services/scoring"])
def test_hostile_words_are_shown_as_words(scene: World, path: str) -> None:
    scene.live(5)
    deliver(scene, service="scoring", summary=HOSTILE, alertname="<img src=x onerror=alert(1)>")
    deliver(scene, service='"><script>', summary=HOSTILE, fingerprint="e" * 16)

    page = browser(scene.app).get(path)

    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


@pytest.mark.parametrize("path", ["/", "/incidents", "/incidents/1"])
def test_control_characters_do_not_reach_the_page(scene: World, path: str) -> None:
    deliver(scene, service="scoring", summary="ends here \x1b[2J\x07\x9b", alertname="Custom")

    page = browser(scene.app).get(path).text

    assert "ends here \N{REPLACEMENT CHARACTER}[2J" in page
    assert not any((ord(char) < 32 and char not in "\t\r\n") or 127 <= ord(char) < 160 for char in page)


def test_a_young_slo_below_its_objective_says_why_it_is_not_breached(over: World) -> None:
    page = browser(over.app).get("/services/scoring")

    assert "● OK" in row(page.text, "availability")
    assert "; the window of 12h is young" in row(page.text, "availability")
