"""A rehearsal runs the whole runbook on stand-ins: fast, and touching nothing outside."""

from __future__ import annotations

from pathlib import Path

from burnline.events import Outcome
from burnline.runbooks.load import load_catalogue, load_runbook
from burnline.runbooks.markdown import SECTIONS, described_steps, render_runbook
from burnline.runbooks.rehearse import rehearse
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
