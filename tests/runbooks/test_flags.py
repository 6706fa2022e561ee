"""Flags in files: what is changed, what is kept, and what `previous` means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.contract import Hook
from burnline.runbooks.actions.flags import FlagdFileHook, FlagFileHook
from burnline.runbooks.actions.locked import LockedFile
from burnline.spec.hooks import FlagdFileHookSpec, FlagFileHookSpec
from tests.runbooks.scene import T0

FLAGS = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "flags": {
        "prompt": {
            "state": "ENABLED",
            "variants": {"v1": "be brief", "v2": "be kind"},
            "defaultVariant": "v2",
            "targeting": {"if": [{"==": [{"var": "tenant"}, "qa"]}, "v1"]},
        },
        "tools": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"},
    },
}


@pytest.fixture
def flags(tmp_path: Path) -> Path:
    """A flagd file with two flags."""
    file = tmp_path / "flags.json"
    file.write_text(json.dumps(FLAGS))
    return file


def flagd(file: Path, flag: str = "prompt", **more: Any) -> FlagdFileHook:
    return FlagdFileHook(FlagdFileHookSpec.model_validate({"file": str(file), "flag": flag, **more}))


def shed(file: Path, **more: Any) -> FlagFileHook:
    states = {"states": ["off", "shed-low", "shed-all"]}
    return FlagFileHook(FlagFileHookSpec.model_validate({"file": str(file), **states, **more}))


def apply(hook: Hook, target: str, before: str | None = None, key: str = "k") -> bool:
    return hook.apply(target, before=before, idempotency_key=key, epoch=3, at=T0)


def test_the_default_variant_is_changed_and_all_else_is_kept(flags: Path) -> None:
    hook = flagd(flags)
    plan = hook.plan("v1")

    changed = apply(hook, plan.to_version, plan.from_version)

    expected = json.loads(json.dumps(FLAGS))
    expected["flags"]["prompt"]["defaultVariant"] = "v1"
    assert (plan.from_version, changed, hook.observe()) == ("v2", True, "v1")
    assert json.loads(flags.read_text()) == expected
    assert hook.changed_at() == T0


def test_a_flag_is_switched_off_by_its_state(flags: Path) -> None:
    hook = flagd(flags, "tools", field="state")

    apply(hook, "off", "on")

    assert hook.verify("off")
    assert json.loads(flags.read_text())["flags"]["tools"]["state"] == "DISABLED"
    assert hook.plan("previous").to_version == "on"


def test_a_state_and_a_variant_of_one_flag_have_each_their_own_history(flags: Path) -> None:
    variant, state = flagd(flags), flagd(flags, field="state")
    apply(variant, "v1", key="a")
    apply(state, "off", key="b")

    assert (variant.plan("previous").to_version, state.plan("previous").to_version) == ("v2", "on")


def test_what_burnline_did_not_make_so_has_no_previous(flags: Path) -> None:
    with pytest.raises(ActionError, match="nothing says what was there before 'v2'") as caught:
        flagd(flags).plan("previous")

    assert caught.value.permanent


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[" * 100_000, "is not JSON"),
        ("{}", "has no `flags`"),
        ("[]", "has no `flags`"),
        ('{"flags": {}}', "has no flag 'prompt'; there are none"),
        ('{"flags": {"prompt": 1}}', r"is wrong at flags\.prompt"),
        ('{"flags": {"prompt": {"state": "on", "variants": {}}}}', r"is wrong at flags\.prompt\.state"),
        ('{"flags": {"prompt": {"state": "ENABLED", "variants": {"v1": 1}}}}', "has no defaultVariant"),
    ],
)
def test_a_flag_file_that_makes_no_sense_is_a_permanent_error_in_words(flags: Path, content: str, words: str) -> None:
    flags.write_text(content)

    for call in (flagd(flags).observe, lambda: flagd(flags).plan("v1"), lambda: apply(flagd(flags), "v1")):
        with pytest.raises(ActionError, match=words) as caught:
            call()
        assert caught.value.permanent


def test_an_unknown_variant_is_refused(flags: Path) -> None:
    with pytest.raises(ActionError, match="'v9' is no state of it; there are v1 or v2"):
        apply(flagd(flags), "v9")


def test_shedding_goes_up_and_back_by_words_in_a_file(tmp_path: Path) -> None:
    hook = shed(tmp_path / "shed")
    seen = [hook.observe()]

    for n, level in enumerate(("shed-low", "shed-all")):
        apply(hook, level, seen[-1], key=str(n))
        seen.append((tmp_path / "shed").read_text().strip())

    assert seen == ["off", "shed-low", "shed-all"]
    assert hook.plan("previous").to_version == "shed-low"
    apply(hook, "shed-low", "shed-all", key="down")
    assert hook.plan("previous").to_version == "off"
    apply(hook, "off", "shed-low", key="done")
    with pytest.raises(ActionError, match="nothing says what was there before 'off'"):
        hook.plan("previous")


def test_a_word_may_stand_in_json_with_who_wrote_it(tmp_path: Path) -> None:
    hook = shed(tmp_path / "shed.json", format="json")

    apply(hook, "shed-all")

    assert json.loads((tmp_path / "shed.json").read_text()) == {
        "state": "shed-all",
        "since": "2026-01-05T12:00:00.000Z",
        "by": "burnline",
        "key": "k",
        "epoch": 3,
    }
    assert hook.verify("shed-all")


@pytest.mark.parametrize(
    ("format_", "content", "words"),
    [
        ("word", "shed-most\n", "'shed-most' is no state of it; there are off, shed-low or shed-all"),
        ("word", "", "'' is no state"),
        ("json", "off", "is not JSON"),
        ("json", '{"state": 1}', "does not say"),
        ("json", "[]", "does not say"),
    ],
)
def test_a_word_that_is_no_state_is_never_taken_for_one(tmp_path: Path, format_: str, content: str, words: str) -> None:
    (tmp_path / "shed").write_text(content)

    with pytest.raises(ActionError, match=words) as caught:
        shed(tmp_path / "shed", format=format_).observe()

    assert caught.value.permanent


def test_what_is_there_already_is_not_written_again(flags: Path) -> None:
    before = flags.stat().st_mtime_ns

    assert not apply(flagd(flags), "v2")

    assert flags.stat().st_mtime_ns == before
    assert not Path(f"{flags}.history.json").exists()


def test_what_somebody_else_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shed").write_text("shed-all")

    with pytest.raises(Moved, match="shed was moved to 'shed-all' by another hand"):
        apply(shed(tmp_path / "shed"), "shed-low", "off")

    assert (tmp_path / "shed").read_text() == "shed-all"


def test_the_same_key_never_changes_twice_even_if_a_hand_put_it_back(tmp_path: Path) -> None:
    hook = shed(tmp_path / "shed")
    apply(hook, "shed-low", "off")
    (tmp_path / "shed").write_text("off\n")

    with pytest.raises(Moved):
        apply(hook, "shed-low", "off")

    assert hook.observe() == "off"


class Dies(BaseException):
    """The worker's end."""


@pytest.mark.parametrize("boundary", range(6))
def test_a_worker_that_dies_between_any_two_writes_is_repeated_with_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boundary: int
) -> None:
    """Three files are renamed, history, flag, history; the worker dies before or after each."""
    write, left = LockedFile.write, [boundary]

    def step() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Dies

    def dying(self: LockedFile, text: str) -> None:
        step()
        write(self, text)
        step()

    hook = shed(tmp_path / "shed")
    with monkeypatch.context() as patch:
        patch.setattr(LockedFile, "write", dying)
        with pytest.raises(Dies):
            apply(hook, "shed-low", "off")

    apply(hook, "shed-low", "off")

    assert hook.observe() == "shed-low"
    assert hook.plan("previous").to_version == "off"
    assert len(json.loads((tmp_path / "shed.history.json").read_text())["history"]) == 1


def test_a_history_that_makes_no_sense_is_a_permanent_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "shed.history.json").write_text('{"history": [{"name": "shed"}]}')

    with pytest.raises(ActionError, match=r"the history .* is wrong at history\.0\.from") as caught:
        apply(shed(tmp_path / "shed"), "shed-low")

    assert caught.value.permanent


def test_a_history_stays_small(tmp_path: Path) -> None:
    hook = shed(tmp_path / "shed")
    entry = {
        "name": "shed",
        "from": "off",
        "to": "shed-low",
        "at": T0.isoformat(),
        "key": "x",
        "epoch": 1,
        "done": True,
    }
    (tmp_path / "shed.history.json").write_text(json.dumps({"history": [entry] * 2000}))

    apply(hook, "shed-all")

    assert len(json.loads((tmp_path / "shed.history.json").read_text())["history"]) == 500


@pytest.mark.parametrize("states", [["off"], ["off", "off"], ["off", "shed all"], ["off", ""], ["off", "a\nb"]])
def test_states_that_cannot_be_one_word_each_are_refused(states: list[str]) -> None:
    with pytest.raises(ValidationError):
        FlagFileHookSpec.model_validate({"file": "/run/shed", "states": states})
