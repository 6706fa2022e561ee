"""Runbooks as pages, and questions answered by a signed link."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from burnline.app.console.words import coded
from burnline.runbooks.links import link_to
from burnline.runbooks.load import load_catalogue
from burnline.store import approvals
from tests.app.scenes import break_release, browser, story, text
from tests.flow.world import World


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[World]:
    with story(tmp_path, seconds=60) as made:
        yield made


def link(scene: World, approval_id: int, actor: str = "") -> str:
    """The path of a new link to a question."""
    with scene.app.db.read() as tx:
        asked = approvals.get_approval(tx, approval_id)
    assert asked is not None
    return link_to(scene.app.db, "http://burnline", asked, actor).removeprefix("http://burnline")


def test_runbooks_are_listed_with_who_starts_them(scene: World) -> None:
    page = text(browser(scene.app).get("/runbooks").text)

    assert all(each.runbook.id in page for each in load_catalogue(None).all())
    assert "scoring" in page


def test_a_runbook_is_a_page_for_people_and_programs(scene: World) -> None:
    page = text(browser(scene.app).get("/runbooks/bad-release").text)
    data = browser(scene.app).get("/v1/runbooks/bad-release").json()

    assert "Escalation" in page
    assert "roll-back (act" in page
    assert (data["id"], data["services"]) == ("bad-release", ["scoring"])


@pytest.mark.parametrize("path", ["/runbooks/no-such", "/v1/runbooks/no-such"])
def test_a_runbook_that_is_not_there_is_a_404(scene: World, path: str) -> None:
    assert browser(scene.app).get(path).status_code == 404


def test_opening_a_link_shows_the_plan_and_decides_nothing(scene: World) -> None:
    path = link(scene, break_release(scene))

    pages = [browser(scene.app).get(path) for _ in range(2)]

    assert {page.status_code for page in pages} == {200}
    assert "alias registry.json#champion from 2 to 1" in text(pages[0].text)
    with scene.app.db.read() as tx:
        assert len(approvals.pending_approvals(tx)) == 1


def test_the_form_of_a_link_answers_once(scene: World) -> None:
    path = link(scene, break_release(scene))
    visitor = browser(scene.app)

    first = visitor.post(path, data={"actor": "ines", "decision": "approve", "reason": "looked at it"})
    second = visitor.post(path, data={"actor": "omar", "decision": "reject"})

    assert first.status_code == 200
    assert "Approval 1 is approved" in text(first.text)
    assert second.status_code == 409
    assert "used before" in second.text


def test_a_link_for_one_person_asks_for_no_name(scene: World) -> None:
    path = link(scene, break_release(scene), "ines")
    visitor = browser(scene.app)

    page = visitor.get(path).text
    visitor.post(path, data={"actor": "omar", "decision": "reject"})

    assert 'name="actor"' not in page
    with scene.app.db.read() as tx:
        assert [vote.actor for vote in approvals.votes(tx, 1)] == ["ines"]


def test_a_link_that_is_not_ours_is_refused(scene: World) -> None:
    path = link(scene, break_release(scene))

    for bad in (path[:-2], "/answer/x.y", "/answer/" + "A" * 3000):
        assert browser(scene.app).get(bad).status_code == 409
        assert browser(scene.app).post(bad, data={"actor": "ines", "decision": "approve"}).status_code == 409


def test_an_answer_by_link_from_another_site_is_refused(scene: World) -> None:
    path = link(scene, break_release(scene))

    answer = browser(scene.app).post(
        path, data={"actor": "ines", "decision": "approve"}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status_code == 403


def test_a_link_needs_a_name_and_a_decision(scene: World) -> None:
    path = link(scene, break_release(scene))

    nobody = browser(scene.app).post(path, data={"decision": "approve"})
    nothing = browser(scene.app).post(path, data={"actor": "ines"})

    assert (nobody.status_code, nothing.status_code) == (409, 422)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("run `ls <dir>` & see", "run <code>ls &lt;dir&gt;</code> &amp; see"),
        ("a ` alone <b>", "a ` alone &lt;b&gt;"),
        ("`<script>`", "<code>&lt;script&gt;</code>"),
    ],
)
def test_what_stands_between_backticks_is_code_and_stays_text(written: str, shown: str) -> None:
    assert str(coded(written)) == shown
