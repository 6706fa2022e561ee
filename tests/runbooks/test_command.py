"""The command hook against programs that behave badly."""

from __future__ import annotations

import json
import os
import pwd
import re
import resource
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions import process
from burnline.runbooks.actions.command import CommandHook
from burnline.runbooks.actions.process import MAX_OUTPUT_BYTES, Limits, run_program
from burnline.spec.hooks import CommandHookSpec
from tests.runbooks.scene import T0


def program(folder: Path, body: str, name: str = "roll.sh") -> str:
    """A shell script of the test."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def hook(argv: list[str], **more: Any) -> CommandHook:
    return CommandHook(CommandHookSpec.model_validate({"argv": argv, **more}), "fraud")


def apply(made: CommandHook, target: str = "1") -> None:
    made.apply(target, before=None, idempotency_key="k", epoch=3, at=T0)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def gone(file: Path) -> bool:
    """Whether the process whose number is in `file` ends soon."""
    pid, give_up = int(file.read_text()), time.monotonic() + 5
    while alive(pid) and time.monotonic() < give_up:
        pass
    return not alive(pid)


def test_a_program_is_told_what_to_do_by_argument_and_by_stdin(tmp_path: Path) -> None:
    argv = [
        program(tmp_path, f'echo "$@" > {tmp_path}/argv; cat > {tmp_path}/stdin'),
        "--to=${to}",
        "${service}",
        "${key}",
    ]

    apply(hook(argv))

    assert (tmp_path / "argv").read_text() == "--to=1 fraud k\n"
    assert json.loads((tmp_path / "stdin").read_text()) == {"service": "fraud", "to": "1", "key": "k", "epoch": 3}


def test_a_hostile_value_stays_one_argument(tmp_path: Path) -> None:
    evil = f"1; touch {tmp_path}/owned $(touch {tmp_path}/owned) `touch {tmp_path}/owned` ${{key}}"
    argv = [program(tmp_path, f'printf "%s|" "$#" "$1" > {tmp_path}/argv'), "${to}"]

    apply(hook(argv), evil)

    assert (tmp_path / "argv").read_text() == f"1|{evil}|"
    assert not (tmp_path / "owned").exists()


def test_a_program_sees_only_the_variables_it_was_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "canary")
    monkeypatch.setenv("REGION", "eu")

    apply(hook([program(tmp_path, f"/usr/bin/env > {tmp_path}/env")], env=["REGION"]))

    assert "REGION=eu" in (tmp_path / "env").read_text()
    assert "canary" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(("code", "permanent"), [(75, False), (1, True), (78, True), (127, True)])
def test_only_75_is_tried_again(tmp_path: Path, code: int, permanent: bool) -> None:
    with pytest.raises(ActionError, match=f"ended with {code}: 'no such release'") as caught:
        apply(hook([program(tmp_path, f"echo no such release; exit {code}")]))

    assert caught.value.permanent is permanent


def test_a_program_that_is_not_there_is_a_permanent_error(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="cannot be started") as caught:
        apply(hook([str(tmp_path / "none")]))

    assert caught.value.permanent


def test_a_program_that_hangs_is_stopped_and_in_doubt(tmp_path: Path) -> None:
    with pytest.raises(InDoubt, match=r"stopped after 0\.3 s"):
        apply(hook([program(tmp_path, "sleep 60")], timeout="300ms"))


def test_a_program_that_ignores_term_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    body = f"trap '' TERM; (trap '' TERM; echo $$ > {tmp_path}/pid; sleep 60) & while :; do sleep 60; done"

    with pytest.raises(InDoubt):
        apply(hook([program(tmp_path, body)], timeout="500ms"))

    assert gone(tmp_path / "pid")


def test_a_child_that_is_left_behind_neither_delays_nor_survives(tmp_path: Path) -> None:
    began = time.monotonic()

    apply(hook([program(tmp_path, f"sleep 60 & echo $! > {tmp_path}/pid")]))

    assert time.monotonic() - began < 30
    assert gone(tmp_path / "pid")


def test_a_flood_is_drained_and_cut() -> None:
    flood = "import sys\nfor _ in range(400): sys.stdout.write('x' * 65536)"

    ended = run_program([sys.executable, "-c", flood], stdin=b"", environment={}, timeout=timedelta(seconds=60))

    assert (ended.code, len(ended.output)) == (0, MAX_OUTPUT_BYTES)


def test_an_endless_flood_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(InDoubt):
        apply(hook([program(tmp_path, "exec yes")], timeout="300ms"))


def test_a_program_that_closes_its_pipes_is_still_waited_for(tmp_path: Path) -> None:
    apply(hook([program(tmp_path, f"exec 0<&- 1>&- 2>&-; sleep 0.2; : > {tmp_path}/done")]))

    assert (tmp_path / "done").exists()


def test_no_file_descriptor_is_left_open(tmp_path: Path) -> None:
    made = hook([program(tmp_path, "exit 0")])
    apply(made)
    before = open_files()

    for _ in range(5):
        apply(made)

    assert open_files() == before


def test_only_stdout_is_read_and_stderr_is_quoted(tmp_path: Path) -> None:
    noisy = program(tmp_path, "echo warning: old certificate >&2; echo 2", "noisy.sh")
    broken = program(tmp_path, "echo trying; echo no such release >&2; exit 1", "broken.sh")

    assert hook(["/bin/true"], observe=[noisy]).observe() == "2"
    with pytest.raises(ActionError, match="ended with 1: 'no such release'"):
        apply(hook([broken]))


def test_a_program_runs_within_its_limits(tmp_path: Path) -> None:
    limits = {"cpu": "20s", "memory": "512MiB", "file_size": "10MiB", "open_files": 64}

    apply(hook([program(tmp_path, f"cat /proc/self/limits > {tmp_path}/limits")], limits=limits))

    rows = (tmp_path / "limits").read_text().splitlines()
    assert [re.split(r"  +", row)[:3] for row in rows if re.match("Max (cpu|file size|addr|open|core)", row)] == [
        ["Max cpu time", "20", "20"],
        ["Max file size", "10485760", "10485760"],
        ["Max core file size", "0", "0"],
        ["Max open files", "64", "64"],
        ["Max address space", "536870912", "536870912"],
    ]


def test_a_user_of_its_own_has_only_so_many_processes() -> None:
    limits = Limits(processes=30000)

    ended = run_program(
        ["/bin/cat", "/proc/self/limits"], stdin=b"", environment={}, timeout=timedelta(seconds=10), limits=limits
    )

    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    expected = 30000 if hard == resource.RLIM_INFINITY else min(30000, hard)
    assert re.search(rf"Max processes +{expected} +{expected} ", ended.output)


def test_a_program_that_spins_is_killed_by_its_share_of_the_processor(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"was killed by SIG(XCPU|KILL)") as caught:
        apply(hook([program(tmp_path, "while :; do :; done")], limits={"cpu": "1s"}))

    assert caught.value.permanent


def test_a_program_that_fills_the_disk_is_killed(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="was killed by SIGXFSZ"):
        apply(hook([program(tmp_path, f"exec head -c 1M /dev/zero > {tmp_path}/big")], limits={"file_size": "64KiB"}))

    assert (tmp_path / "big").stat().st_size <= 65536


def test_a_program_that_eats_memory_gets_no_more_than_its_limit() -> None:
    greedy = [sys.executable, "-I", "-S", "-c", "x = bytearray(300 * 1024 * 1024)"]

    with pytest.raises(ActionError, match="MemoryError"):
        apply(hook(greedy, limits={"memory": "200MiB"}))


def test_a_program_that_forks_without_end_is_ended_with_all_of_them(tmp_path: Path) -> None:
    child = f"open('{tmp_path}/pid%d' % n, 'w').write(str(os.getpid())); time.sleep(60); os._exit(0)"
    fork = f"import os, time\nfor n in range(40):\n  if os.fork() == 0: {child}\ntime.sleep(60)"

    with pytest.raises(InDoubt):
        apply(hook([sys.executable, "-I", "-S", "-c", fork], timeout="2s"))

    assert len(pids := [file for file in tmp_path.iterdir() if file.read_text()]) > 0
    assert all(gone(file) for file in pids)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as somebody else")
def test_a_program_runs_as_its_own_user_without_our_groups() -> None:
    nobody = pwd.getpwnam("nobody")

    seen = [hook(["/bin/true"], observe=["/usr/bin/id", what], user="nobody").observe() for what in ("-u", "-g", "-G")]

    assert seen == [str(nobody.pw_uid), str(nobody.pw_gid), str(nobody.pw_gid)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can")
def test_who_is_not_root_cannot_choose_a_user() -> None:
    with pytest.raises(ActionError, match="only root can run a program as 'nobody'"):
        apply(hook(["/bin/true"], user="nobody"))


def test_a_user_that_is_not_there_is_a_permanent_error() -> None:
    with pytest.raises(ActionError, match="there is no user 'burnline-nobody'") as caught:
        apply(hook(["/bin/true"], user="burnline-nobody"))

    assert caught.value.permanent


def test_a_pipe_that_is_closed_ends_a_program_as_it_does_in_a_shell(tmp_path: Path) -> None:
    made = hook([program(tmp_path, "cat /proc/$$/status > " + str(tmp_path / "status"))])

    apply(made)

    ignored = re.search(r"SigIgn:\t([0-9a-f]+)", (tmp_path / "status").read_text())
    assert ignored is not None
    assert not int(ignored[1], 16) & 1 << (signal.SIGPIPE - 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "root;id"},
        {"user": "0"},
        {"limits": {"memory": 512}},
        {"limits": {"memory": "1GB"}},
        {"limits": {"open_files": 1}},
    ],
)
def test_a_confinement_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        hook(["/bin/true"], **wrong)


def test_what_serves_is_what_observe_prints(tmp_path: Path) -> None:
    made = hook(["/bin/true"], observe=[program(tmp_path, "echo 2")])

    assert made.observe() == "2"
    assert made.plan("1").from_version == "2"
    assert made.verify("2")
    assert not made.verify("1")


@pytest.mark.parametrize("body", ["", "printf 'a\\033[31mb'", "head -c 300 /dev/zero | tr '\\0' x"])
def test_what_is_no_version_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(ActionError, match="which is no version"):
        hook(["/bin/true"], observe=[program(tmp_path, body)]).observe()


def test_without_observe_nothing_is_claimed() -> None:
    made = hook(["/bin/true"])

    assert (made.observe(), made.changed_at(), made.verify("1")) == (None, None, True)
    assert made.plan("previous").to_version == "previous"
