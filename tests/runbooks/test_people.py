"""Who may answer, how many must, by what way, and what becomes of a question that nobody answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from burnline.errors import DecisionRefused
from burnline.events import Outcome, RunState
from burnline.runbooks import drive
from burnline.runbooks.approvals import answer_link, decide, open_link
from burnline.runbooks.links import Ticket, read_token, write_token
from burnline.runbooks.receivers import text_of
from burnline.runbooks.turn import Around
from burnline.store import approvals
from burnline.store.database import Database, open_database
from tests.runbooks.receiver import Receiver, receiving
from tests.runbooks.scene import T0, Scene, make_recipe, make_spec
from tests.runbooks.test_approvals import pending, vote

URL = "https://burnline.example.com"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, _, body in receiver.received]


def asked_of(scene: Scene, receiver: Receiver, **request: Any) -> int:
    """A run that asks the people at `receiver`, with links."""
    scene.spec = make_spec(scene.registry, escalation={"page": [f"webhook:{receiver.url}"]})
    run_id = scene.request(**{"approval": "one", **request})
    scene.executor(around=Around(url=URL)).run_once(scene.now)
    return run_id


def token_of(message: dict[str, Any]) -> str:
    prefix = f"{URL}/answer/"
    assert message["link"].startswith(prefix)
    return str(message["link"]).removeprefix(prefix)


def test_two_must_say_yes(scene: Scene) -> None:
    run_id = scene.request(approval="two")
    scene.play(2)
    asked = pending(scene)

    first = vote(scene, asked, actor="ines")
    scene.play(5)
    between = scene.run(run_id).state
    second = vote(scene, asked, actor="omar")
    scene.play()

    assert (first, between, second) == ("pending", RunState.WAITING, "approved")
    assert scene.run(run_id).outcome is Outcome.RECOVERED
    assert "ines approved what run 1 plans (1 of 2): looked at it" in scene.story(run_id)


@pytest.mark.parametrize(
    "again", ["ines", "INES", " ines ", "\uff49nes", "ines\u2800", "in\u034fes", "ines\u3164", "i nes."]
)
def test_one_person_is_not_two(scene: Scene, again: str) -> None:
    scene.request(approval="two")
    scene.play(2)
    asked = pending(scene)
    vote(scene, asked, actor="ines")

    with pytest.raises(DecisionRefused, match="has decided on approval 1 already"):
        vote(scene, asked, actor=again)

    assert pending(scene).state == "pending"
    assert f"approval_refused: an answer of {again} was refused" in scene.story(1)


def test_refused_answers_do_not_fill_the_record(scene: Scene) -> None:
    run_id = scene.request(approval="two")
    scene.play(2)
    asked = pending(scene)

    for _ in range(30):
        with pytest.raises(DecisionRefused):
            vote(scene, asked, actor="ines", plan_hash="another")

    assert [kind for kind, _ in scene.told(run_id)].count("approval_refused") == 20


def test_one_no_of_two_ends_it(scene: Scene) -> None:
    run_id = scene.request(approval="two")
    scene.play(2)
    asked = pending(scene)
    vote(scene, asked, actor="ines")

    state = vote(scene, asked, "reject", actor="omar")
    scene.play()

    assert (state, scene.run(run_id).outcome, scene.serving()) == ("rejected", Outcome.REJECTED, "2")


def test_only_those_named_may_approve(scene: Scene) -> None:
    run_id = scene.request(approval="one", approvers={"ines": None, "omar": None})
    scene.play(2)
    asked = pending(scene)

    with pytest.raises(DecisionRefused, match="mallory is none of those who may approve this: ines, omar"):
        vote(scene, asked, actor="mallory")
    vote(scene, asked, actor="Omar")
    scene.play()

    assert scene.run(run_id).outcome is Outcome.RECOVERED


def test_burnline_does_not_approve_what_it_asks(scene: Scene) -> None:
    scene.request(approval="one")
    scene.play(2)

    with pytest.raises(DecisionRefused, match="other than the requester"):
        vote(scene, pending(scene), actor="Burnline")


def test_people_are_told_of_the_question_with_its_plan_and_a_link(scene: Scene, receiver: Receiver) -> None:
    run_id = asked_of(scene, receiver)

    [message] = told(receiver)
    assert message["plan"]["changes"][0]["to_version"] == "1"
    assert message["text"].startswith("fraud: may bad-release do this?")
    assert token_of(message) not in scene.story(run_id)


def test_the_question_says_how_many_must_answer_until_when_and_how(scene: Scene, receiver: Receiver) -> None:
    asked_of(scene, receiver, approval="two")

    [message] = told(receiver)

    terms = "2 people must say yes until 12:30:00 UTC (0 said yes so far): burnline runs approve 1 --as NAME, or reject"
    assert message["text"].splitlines()[1] == terms
    assert message["incident_url"] == f"{URL}/incidents/1"
    assert f"answer: {message['link']}\nsee: {URL}/incidents/1" in text_of(message)


def test_a_link_answers_once(scene: Scene, receiver: Receiver) -> None:
    run_id = asked_of(scene, receiver)
    token = token_of(told(receiver)[0])

    state = answer_link(scene.db, token, actor="ines", decision="approve", reason="", now=scene.now)
    with pytest.raises(DecisionRefused, match="used before"):
        answer_link(scene.db, token, actor="omar", decision="reject", reason="", now=scene.now)
    scene.play()

    assert (state, scene.run(run_id).outcome) == ("approved", Outcome.RECOVERED)
    assert "ines approved what run 1 plans: (by link)" in scene.story(run_id)
    assert "approval_replayed: a link to approval 1 was used a second time: refused" in scene.story(run_id)


def test_opening_a_link_spends_nothing(scene: Scene, receiver: Receiver) -> None:
    asked_of(scene, receiver)
    token = token_of(told(receiver)[0])

    tickets = {open_link(scene.db, token, scene.now) for _ in range(3)}

    assert [ticket.approval_id for ticket in tickets] == [1]
    assert answer_link(scene.db, token, actor="ines", decision="approve", reason="", now=scene.now) == "approved"


def test_a_link_of_one_person_votes_for_no_other(scene: Scene, receiver: Receiver) -> None:
    address = f"webhook:{receiver.url}"
    scene.request(approval="two", approvers={"ines": address, "omar": address})
    scene.executor(around=Around(url=URL)).run_once(scene.now)
    links = [token_of(message) for message in told(receiver)]

    first = answer_link(scene.db, links[0], actor="omar", decision="approve", reason="", now=scene.now)
    second = answer_link(scene.db, links[1], actor="", decision="approve", reason="", now=scene.now)

    assert (len(links), first, second) == (2, "pending", "approved")
    with scene.db.read() as tx:
        assert {each.actor for each in approvals.votes(tx, 1)} == {"ines", "omar"}


@pytest.mark.parametrize("change", ["actor", "plan_hash", "approval_id", "expires"])
def test_a_link_that_was_changed_is_refused(scene: Scene, receiver: Receiver, change: str) -> None:
    asked_of(scene, receiver)
    token = token_of(told(receiver)[0])
    ticket = open_link(scene.db, token, scene.now)
    fields = {name: getattr(ticket, name) for name in Ticket.__slots__}
    forged = write_token("another key", Ticket(**{**fields, change: 7 if isinstance(fields[change], int) else "x"}))

    for bad in (
        forged,
        token[:-1],
        token + "A",
        f"{forged.partition('.')[0]}.{token.partition('.')[2]}",
        "",
        ".",
        "a.b",
    ):
        with pytest.raises(DecisionRefused, match="was not made by this burnline"):
            answer_link(scene.db, bad, actor="ines", decision="approve", reason="", now=scene.now)

    assert pending(scene).state == "pending"


def test_a_link_is_too_old_when_its_question_is(scene: Scene, receiver: Receiver) -> None:
    asked_of(scene, receiver)
    token = token_of(told(receiver)[0])

    with pytest.raises(DecisionRefused, match="too old"):
        open_link(scene.db, token, scene.now + timedelta(minutes=30))


def test_a_link_to_a_plan_that_changed_answers_nothing(scene: Scene, receiver: Receiver) -> None:
    asked_of(scene, receiver)
    key = scene.db.write(approvals.link_key)
    ticket = read_token(key, token_of(told(receiver)[0]), scene.now)
    link = scene.db.write(lambda tx: approvals.add_link(tx, 1, ""))
    other = write_token(key, Ticket(link.nonce, 1, "", "another plan", ticket.expires))

    with pytest.raises(DecisionRefused, match="another plan"):
        answer_link(scene.db, other, actor="ines", decision="approve", reason="", now=scene.now)


def levels(scene: Scene, receiver: Receiver, **rule: Any) -> int:
    """A run whose question goes to tickets first, then to pages."""
    pages, tickets = f"webhook:{receiver.url}/page", f"webhook:{receiver.url}/ticket"
    scene.spec = make_spec(scene.registry, escalation={"page": [pages], "ticket": [tickets]})
    library = make_recipe(scene.folder)
    steps = json.loads(library.body)["steps"]
    steps[1]["approve"] = {"expires": "30m", "to": "ticket", "levels": [{"after": "10m", "to": "page"}], **rule}
    scene.recipe = make_recipe(scene.folder, steps=steps, **({"risk": "low"} if rule else {}))
    return scene.request(approval="one")


def test_when_nobody_decides_the_next_level_is_told(scene: Scene, receiver: Receiver) -> None:
    levels(scene, receiver)

    scene.play(2)
    first = [path for _, path, _, _ in receiver.received]
    scene.now = T0 + timedelta(minutes=9)
    scene.play(2)
    between = len(receiver.received)
    scene.now = T0 + timedelta(minutes=10)
    scene.play(3)

    assert (first, between) == (["/ticket"], 1)
    assert [path for _, path, _, _ in receiver.received] == ["/ticket", "/page"]


def test_a_level_that_cannot_be_told_is_tried_again(scene: Scene, receiver: Receiver) -> None:
    run_id = levels(scene, receiver)
    receiver.answers = [(500, {}, b"")]

    scene.play(2)

    assert "approval 1, level 1: could not tell" in scene.story(run_id)


@pytest.mark.parametrize(
    ("on_expiry", "outcome", "pages"),
    [("escalate", Outcome.REJECTED, 2), ("abort", Outcome.REJECTED, 1), ("proceed", Outcome.RECOVERED, 1)],
)
def test_silence_means_what_the_runbook_says(
    scene: Scene, receiver: Receiver, on_expiry: str, outcome: Outcome, pages: int
) -> None:
    run_id = levels(scene, receiver, on_expiry=on_expiry)
    scene.play(2)
    scene.now = T0 + timedelta(minutes=10)
    scene.play(2)

    scene.now = T0 + timedelta(minutes=30)
    scene.play(30)

    assert scene.run(run_id).outcome is outcome
    assert [path for _, path, _, _ in receiver.received].count("/page") == pages


def test_only_a_runbook_of_low_risk_goes_on_when_nobody_answers(scene: Scene) -> None:
    steps = json.loads(make_recipe(scene.folder).body)["steps"]
    steps[1]["approve"]["on_expiry"] = "proceed"

    with pytest.raises(Exception, match="needs `risk: low`"):
        make_recipe(scene.folder, steps=steps)


def test_an_answer_while_the_run_is_being_parked_wakes_it(
    any_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, other = Scene(any_database, tmp_path), open_database(any_database.url.render_as_string(hide_password=False))
    voting: list[threading.Thread] = []
    real = drive._wake

    def wake(*given: Any) -> datetime:
        until = real(*given)
        with other.read() as tx:
            waiting = approvals.pending_approvals(tx)
        if waiting and not voting:
            answer = partial(decide, other, 1, actor="ines", decision="approve", plan_hash=waiting[0][0].plan_hash)
            voting.append(threading.Thread(target=answer, kwargs={"reason": "", "now": scene.now}))
            voting[0].start()
        return until

    monkeypatch.setattr(drive, "_wake", wake)
    run_id = scene.request(approval="one")
    for _ in range(3):
        scene.executor().run_once(scene.now)
        scene.now += timedelta(seconds=1)
    voting[0].join()

    scene.play(20)
    other.close()

    assert scene.run(run_id).outcome is Outcome.RECOVERED
