"""A rehearsal runs the whole runbook on stand-ins: fast, and touching nothing outside."""

from __future__ import annotations

from pathlib import Path

from burnline.events import Outcome
from burnline.runbooks.load import load_catalogue, load_runbook
from burnline.runbooks.markdown import SECTIONS, render_runbook
from burnline.runbooks.rehearse import rehearse
from burnline.runbooks.sentences import described_steps
from tests.runbooks.scene import make_recipe


def test_a_runbook_that_helps_recovers(tmp_path: Path) -> None:
    went = rehearse(make_recipe(tmp_path))

    assert went.outcome is Outcome.RECOVERED
    assert went.changes == (("release", "the one before"),)
    assert any("rehearsal 1 approved" in line for line in went.record)


def test_a_runbook_that_does_not_help_escalates(tmp_path: Path) -> None:
    went = rehearse(make_recipe(tmp_path), helps=False)

    assert went.outcome is Outcome.NOT_RECOVERED
    assert any("escalate" in line for line in went.record)


def test_without_an_answer_nothing_is_changed(tmp_path: Path) -> None:
    went = rehearse(make_recipe(tmp_path), approve=False)

    assert (went.outcome, went.changes) == (Outcome.REJECTED, ())


def test_a_rehearsal_is_the_same_every_time(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path)

    assert rehearse(recipe) == rehearse(recipe)


def test_a_page_has_every_part_and_no_open_slot() -> None:
    for recipe in load_catalogue(None).all():
        page = render_runbook(recipe)

        assert all(f"## {section.capitalize()}" in page for section in SECTIONS)
        assert "${" not in page.replace("\\", "")
        assert all(words.partition(" ")[0] for words in described_steps(recipe))


def test_nothing_in_a_runbook_becomes_markup_of_its_page(tmp_path: Path) -> None:
    prose = dict.fromkeys(SECTIONS, "plain")
    recipe = make_recipe(tmp_path, prose={**prose, "meaning": "<script>x</script> [a](javascript:b) # c"})

    page = render_runbook(load_runbook(Path(recipe.file)))

    assert "<script>" not in page.replace("\\<script", "")
    assert "\\[a\\](javascript:b)" in page


def test_a_page_speaks_in_sentences(tmp_path: Path) -> None:
    steps = [
        {"name": "look", "check": {}},
        {"name": "ask", "approve": {"people": 2, "levels": [{"after": "5m", "to": "ticket"}]}},
        {"name": "back", "act": {"irreversible": True, "changed_within": "6h"}},
        {"name": "shed", "when": {"hook": "shed"}, "act": {"hook": "shed", "to": "on", "undo": "before"}},
        {"name": "prove", "verify": {"slo": "availability", "min_events": 1}},
        {"name": "prove-all", "verify": {"settle": "0s", "good": 1, "of": 1, "min_events": 2500, "max_bad": 0.005}},
        {"name": "once", "when": {"params": {"smaller": True, "xid": [1, 2]}}, "notify": {"text": "It helped."}},
        {
            "name": "undone",
            "when": {"found": [{"step": "back", "value": "made", "equals": False}]},
            "wait": {"for": "2m"},
        },
    ]

    told = list(described_steps(make_recipe(tmp_path, steps=steps, params={}, preconditions={}, cooldown="0s")))

    assert told == [
        "look (check): looks which version serves, since when, and how the SLI went over 5m",
        (
            "ask (approve): asks 2 people at least: tells the receivers of page, after 5m also the receivers of "
            "ticket; if nobody decides within 30m, the run ends and people are told"
        ),
        (
            "back (act): sets the release to the previous version, if it was changed within 6h before the alert; "
            "the run does not take it back"
        ),
        (
            "shed (act, only when the service has a hook shed): sets shed to on; "
            "sets it back when the run fails or makes things worse"
        ),
        (
            "prove (verify): waits 1m, then looks at windows of 1m of availability for at most 8m: "
            "it helped when 3 of the last 4 windows had at least 1 event and a bad share within what the "
            "objective allows"
        ),
        (
            "prove-all (verify): looks at windows of 1m of the alert's SLI for at most 2m: "
            "it helped when one window had at least 2,500 events and a bad share within 0.500%"
        ),
        "once (notify, only when smaller is yes and xid is 1 or 2): tells the receivers of page: It helped.",
        "undone (wait, only when made of back is no): waits 2m",
    ]


def test_a_page_says_what_must_hold_before_anything_is_changed(tmp_path: Path) -> None:
    page = render_runbook(make_recipe(tmp_path, budget={"acts": 1, "per": "1h"}))

    assert [line for line in page.splitlines() if line.startswith("- ")] == [
        "- the release was changed within 2h before the alert",
        "- it is known which version served before",
        "- no other run changed the same target within 30m",
        "- people are asked after 1 change of the service within 1h",
    ]
