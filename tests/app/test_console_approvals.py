"""The page of approvals: what waits for a person, and their answer by form, without scripts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.runbooks.switch import switch_actions
from tests.app.scenes import break_release, browser, fields, text
from tests.flow.world import World


def test_the_switch_is_shown_with_its_last_turns(scene: World) -> None:
    before = text(browser(scene.app).get("/approvals").text)
    switch_actions(scene.app.db, "off", actor="ines", reason="a bad deploy", now=scene.now)
    switch_actions(scene.app.db, "on", actor="tor", reason="it is good again", now=scene.now)

    page = text(browser(scene.app).get("/approvals").text)

    assert "Actions are on . " in before
    assert "Actions are on : tor, since " in page
    assert page.index("tor off on it is good again") < page.index("ines on off a bad deploy")


def test_an_approval_by_form_is_taken_and_on_the_record(scene: World) -> None:
    scene.live(20)
    number = break_release(scene)
    client = browser(scene.app)
    form = fields(client.get("/approvals").text)

    sent = client.post(
        f"/approvals/{number}", data={**form, "actor": "Noor", "reason": "v2 fails", "decision": "approve"}
    )

    assert (sent.status_code, sent.headers["location"]) == (303, "/incidents/1")
    assert "Noor approved what run 1 plans: v2 fails" in text(client.get("/incidents/1").text)
    assert "Nothing waits for a person." in text(client.get("/approvals").text)
    scene.now = datetime.now(UTC)  # an answer is taken at the time it really is
    scene.live(3)
    assert scene.service.version == "1"


def test_a_rejection_by_form_changes_nothing(scene: World) -> None:
    scene.live(20)
    number = break_release(scene)
    client = browser(scene.app)
    form = fields(client.get("/incidents/1").text)

    client.post(f"/approvals/{number}", data={**form, "actor": "Noor", "decision": "reject"})
    scene.now = datetime.now(UTC)  # an answer is taken at the time it really is
    scene.live(3)

    assert scene.service.version == "2"
    assert "Noor rejected what run 1 plans" in text(client.get("/incidents/1").text)


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"actor": ""}, 422, "Write your name"),
        ({"actor": "x" * 101}, 422, "Write your name"),
        ({"decision": "maybe"}, 422, "Choose approve or reject."),
        ({"plan_hash": ""}, 422, "load the page again"),
        ({"plan_hash": "0" * 64}, 409, "is for another plan"),
        ({"actor": "burnline"}, 409, "needs the name of a person"),
        ({"actor": "Noor\x00"}, 422, "Write your name"),
        ({"reason": "x" * 501}, 422, "under 500 characters"),
    ],
)
def test_a_bad_answer_shows_a_page_that_says_what_was_wrong(
    breached: World, changed: dict[str, str], status: int, said: str
) -> None:
    client = browser(breached.app)
    form = {**fields(client.get("/approvals").text), "actor": "Noor", "decision": "approve", **changed}

    answer = client.post("/approvals/1", data=form)

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "Your answer was not taken" in text(answer.text)
    assert said in text(answer.text)
    assert breached.service.version == "2"


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"actor", b"=&=&=", b"%%%" * 1000])
def test_a_body_that_is_no_form_is_refused(breached: World, body: bytes) -> None:
    answer = browser(breached.app).post("/approvals/1", content=body)

    assert answer.status_code == 422
    assert "Write your name" in text(answer.text)


def test_an_answer_from_another_site_is_refused(breached: World) -> None:
    client = browser(breached.app)
    form = {**fields(client.get("/approvals").text), "actor": "Noor", "decision": "approve"}

    answer = client.post("/approvals/1", data=form, headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403
    assert "came from another site" in text(answer.text)


def test_an_answer_to_nothing_is_refused_in_words(breached: World) -> None:
    form = {"actor": "Noor", "decision": "approve", "plan_hash": "0"}

    answer = browser(breached.app).post("/approvals/999", data=form)

    assert answer.status_code == 409
    assert "there is no approval 999" in text(answer.text)


def test_where_a_token_is_set_the_form_asks_for_it(scene: World) -> None:
    scene.live(20)
    break_release(scene)
    scene.app.settings = scene.app.settings.model_copy(update={"token": "s3cret"})
    client = browser(scene.app)
    form = {**fields(client.get("/approvals").text), "actor": "Noor", "decision": "approve"}

    without, wrong = client.post("/approvals/1", data=form), client.post("/approvals/1", data={**form, "token": "ü"})
    right = client.post("/approvals/1", data={**form, "token": "s3cret"})

    assert 'name="token" type="password"' in client.get("/approvals").text or right.status_code == 303
    assert [answer.status_code for answer in (without, wrong, right)] == [401, 401, 303]


def test_what_has_expired_is_no_longer_asked(scene: World) -> None:
    scene.live(20)
    break_release(scene)
    late = datetime.now(UTC) - timedelta(hours=1)
    scene.app.db.write(lambda tx: tx.exec_driver_sql(f"UPDATE approval SET expires_at = {int(late.timestamp() * 1e6)}"))

    page = text(browser(scene.app).get("/approvals").text)

    assert "Nothing waits for a person." in page
