"""The alias hook: where back is, and how the file is changed."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions import locked
from burnline.runbooks.actions.alias import AliasHook, Change, previous_version
from tests.runbooks.scene import T0, read_registry, write_registry


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    return write_registry(tmp_path / "registry.json")


def history(*versions: str) -> list[Change]:
    """An alias that went from each version to the next."""
    pairs = zip([None, *versions], versions, strict=False)
    return [
        Change.model_validate({"alias": "champion", "from": before, "to": after, "at": T0}) for before, after in pairs
    ]


@pytest.mark.parametrize(
    ("versions", "previous"),
    [
        (("1",), None),
        (("1", "2"), "1"),
        (("1", "2", "3"), "2"),
        (("1", "2", "1"), None),  # never forward again into what was taken back
        (("1", "2", "1", "3"), "1"),
        (("1", "2", "1", "2"), "1"),
        (("1", "2", "3", "2"), "1"),
        (("1", "2", "3", "1"), None),
    ],
)
def test_back_is_the_version_that_served_before_and_was_not_taken_back(
    versions: tuple[str, ...], previous: str | None
) -> None:
    assert previous_version(history(*versions), versions[-1]) == previous


def test_a_change_the_history_does_not_know_leaves_no_way_back() -> None:
    assert previous_version(history("1", "2"), "9") is None
    assert previous_version([], "1") is None


def test_a_change_moves_the_alias_and_says_who_did_it(registry: Path) -> None:
    hook = AliasHook(registry, "champion")
    plan = hook.plan("previous")

    hook.apply(plan.to_version, before=None, idempotency_key="k", epoch=4, at=T0)

    assert (plan.from_version, plan.to_version) == ("2", "1")
    assert hook.verify("1")
    assert hook.changed_at() == T0
    assert read_registry(registry)["history"][-1] == {
        "alias": "champion",
        "from": "2",
        "to": "1",
        "at": "2026-01-05T12:00:00.000Z",
        "by": "burnline",
        "key": "k",
        "epoch": 4,
    }


def test_what_somebody_else_released_meanwhile_is_left_alone(registry: Path) -> None:
    with pytest.raises(Moved, match=r"registry\.json#champion was moved to '2' by another hand"):
        AliasHook(registry, "champion").apply("1", before="3", idempotency_key="k", epoch=1, at=T0)

    assert read_registry(registry)["aliases"]["champion"] == "2"


def test_the_same_key_never_changes_twice_even_if_the_alias_was_moved_on(registry: Path) -> None:
    hook = AliasHook(registry, "champion")
    hook.apply("1", before=None, idempotency_key="k", epoch=1, at=T0)
    hook.apply("3", before=None, idempotency_key="another", epoch=1, at=T0)

    with pytest.raises(Moved):
        hook.apply("1", before="2", idempotency_key="k", epoch=2, at=T0)

    assert hook.observe() == "3"


def test_what_serves_already_is_not_written_again(registry: Path) -> None:
    before = registry.stat().st_mtime_ns

    changed = AliasHook(registry, "champion").apply("2", before=None, idempotency_key="k", epoch=1, at=T0)

    assert not changed
    assert registry.stat().st_mtime_ns == before


def test_unknown_parts_other_aliases_and_the_mode_are_kept(registry: Path) -> None:
    content = read_registry(registry)
    registry.write_text(json.dumps({**content, "note": "ours", "aliases": {"champion": "2", "shadow": "3"}}))
    registry.chmod(0o640)

    AliasHook(registry, "champion").apply("1", before=None, idempotency_key="k", epoch=1, at=T0)

    changed = read_registry(registry)
    assert (changed["note"], changed["aliases"]) == ("ours", {"champion": "1", "shadow": "3"})
    assert registry.stat().st_mode & 0o777 == 0o640


def test_a_linked_registry_stays_a_link(registry: Path, tmp_path: Path) -> None:
    link = tmp_path / "current.json"
    link.symlink_to(registry)

    AliasHook(link, "champion").apply("1", before=None, idempotency_key="k", epoch=1, at=T0)

    assert link.is_symlink()
    assert read_registry(registry)["aliases"]["champion"] == "1"


def test_two_paths_to_one_registry_are_one_target(registry: Path, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(registry)
    (tmp_path / "folder").symlink_to(tmp_path)

    targets = {
        AliasHook(path, "champion").target
        for path in (registry, tmp_path / "link.json", tmp_path / "folder/registry.json")
    }

    assert targets == {f"{registry.resolve()}#champion"}


def test_a_registry_or_a_lock_that_is_a_pipe_holds_nobody_up(registry: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    os.mkfifo(f"{registry}.lock")

    with pytest.raises(ActionError, match="is no regular file") as caught:
        AliasHook(tmp_path / "pipe.json", "champion").observe()

    assert caught.value.permanent
    AliasHook(registry, "champion").apply("1", before="2", idempotency_key="k", epoch=1, at=T0)
    assert read_registry(registry)["aliases"]["champion"] == "1"


@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_a_registry_that_is_no_file_is_an_error_in_words(path: str) -> None:
    with pytest.raises(ActionError, match=r"is no regular file|cannot be read"):
        AliasHook(Path(path), "champion").observe()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is wrong at"),
        ('{"aliases": {"champion": 2}, "versions": {}}', "is wrong at aliases.champion"),
        ('{"aliases": {}, "versions": {}}', "has no alias 'champion'; there are none"),
        ('{"aliases": {"champion": "2"}, "versions": {}, "history": [{"at": "soon"}]}', "is wrong at history.0"),
        ('{"aliases": {"champion": "2"}, "versions": {"2": {}}, "history": []}', "knows no version that served before"),
    ],
)
def test_a_registry_that_makes_no_sense_is_a_permanent_error_in_words(registry: Path, content: str, words: str) -> None:
    registry.write_text(content)

    with pytest.raises(ActionError, match=words) as caught:
        AliasHook(registry, "champion").plan("previous")

    assert caught.value.permanent


def test_an_unknown_version_is_refused(registry: Path) -> None:
    with pytest.raises(ActionError, match=r"has no version '\.\./9'; there are 1, 2 or 3"):
        AliasHook(registry, "champion").plan("../9")


def test_a_missing_file_is_a_permanent_error(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="does not exist") as caught:
        AliasHook(tmp_path / "none.json", "champion").observe()

    assert caught.value.permanent


def test_a_lock_that_is_held_is_waited_for_only_so_long(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locked, "LOCK_TIMEOUT_SECONDS", 0.05)
    with Path(f"{registry}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        with pytest.raises(ActionError, match="held by another program") as caught:
            AliasHook(registry, "champion").apply("1", before=None, idempotency_key="k", epoch=1, at=T0)

    assert not caught.value.permanent
    assert read_registry(registry)["aliases"]["champion"] == "2"


def test_a_write_that_fails_leaves_the_old_file(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(ActionError, match="No space left on device") as caught:
        AliasHook(registry, "champion").apply("1", before=None, idempotency_key="k", epoch=1, at=T0)

    assert not caught.value.permanent
    assert read_registry(registry)["aliases"]["champion"] == "2"


def test_a_reader_never_sees_half_a_file(registry: Path) -> None:
    hook, stop, broken = AliasHook(registry, "champion"), threading.Event(), list[str]()

    def read() -> None:
        while not stop.is_set():
            try:
                json.loads(registry.read_text())
            except ValueError as error:
                broken.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(50):
        hook.apply("1" if turn % 2 else "3", before=None, idempotency_key=str(turn), epoch=1, at=T0)
    stop.set()
    reader.join()

    assert broken == []
