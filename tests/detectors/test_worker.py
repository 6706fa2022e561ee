"""The worker process: whatever happens in it ends in a reason, and nothing of it reaches the process that asked."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from burnline.detectors.engines.process import Limits, Worker, WorkerError
from burnline.detectors.engines.worker import frames

WORKER = Path(frames.__file__).parent
Make: TypeAlias = Callable[..., Worker]
SMALL = Limits(memory=400 << 20, seconds=20)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Make]:
    """Makes workers whose library is the code given."""
    made: list[Worker] = []

    def make(code: str, limits: Limits = SMALL, **more: Any) -> Worker:
        """A worker as it is, but for the library."""
        folder = tmp_path / f"worker{len(made)}"
        folder.mkdir()
        for name in ("main.py", "frames.py", "fences.py"):
            (folder / name).write_text((WORKER / name).read_text())
        (folder / "with_evidently.py").write_text("def about(): return {}\n" + textwrap.dedent(code))
        made.append(Worker("evidently", sys.executable, limits, main=folder / "main.py", **more))
        return made[-1]

    yield make
    for worker in made:
        worker.close()


JUDGE: dict[str, object] = {"op": "judge"}


def test_it_answers_one_question_after_the_other_in_one_process(workers: Make) -> None:
    worker = workers("def answer(head, body): return {'library': str(len(body))}, b'<p>' + body[:3]")

    first = worker.ask(JUDGE, b"x" * 3_000_000)
    pid = worker.pid
    second = worker.ask(JUDGE, b"ab")

    assert (first.library, first.page) == ("3000000", b"<p>xxx")
    assert (second.library, second.page) == ("2", b"<p>ab")
    assert worker.pid == pid != os.getpid()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def answer(head, body): raise KeyError('column')", "KeyError: 'column'"),
        ("def answer(head, body): bytearray(1 << 40)", "out of memory"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
    ],
)
def test_what_the_library_raises_is_the_answer_and_the_worker_goes_on(workers: Make, code: str, reason: str) -> None:
    worker = workers(code)

    said = worker.ask(JUDGE)
    pid = worker.pid

    assert reason in said.error
    assert reason in worker.ask(JUDGE).error
    assert worker.pid == pid


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os\ndef answer(head, body): os.kill(os.getpid(), 11)", "was killed by signal 11"),
        ("import os\ndef answer(head, body): os._exit(7)", "ended with status 7"),
        ("import sys\ndef answer(head, body): print('Oh no', file=sys.stderr); sys.exit(1)", r"status 1 \(Oh no\)"),
        ("import os\ndef answer(head, body):\n    os.write(3, b'GET / HTTP/1.1 ' * 9)", "answered nonsense"),
        ("def answer(head, body): return {'rows': 'none'}, b''", "answered nonsense"),
        ("import os\ndef answer(head, body): os.closerange(3, 50); os._exit(0)", "ended with status 0"),
    ],
    ids=["segmentation fault", "exit", "message", "garbage", "wrong shape", "closed"],
)
def test_a_worker_that_dies_or_talks_nonsense_is_a_reason_and_is_started_again_later(
    workers: Make, code: str, reason: str
) -> None:
    clock = Clock()
    worker = workers(code, elapsed=clock)

    with pytest.raises(WorkerError, match=reason):
        worker.ask(JUDGE)
    assert worker.pid is None
    with pytest.raises(WorkerError, match=reason) as again:
        worker.ask(JUDGE)
    assert "tried again" not in str(again.value), "the first time it may have been chance"
    with pytest.raises(WorkerError, match="tried again in 1 s"):
        worker.ask(JUDGE)
    clock.now = 1.0
    with pytest.raises(WorkerError, match=reason):
        worker.ask(JUDGE)
    with pytest.raises(WorkerError, match="tried again in 2 s"):
        worker.ask(JUDGE)


def ends(pid: int) -> bool:
    """Whether a process that was killed is gone soon: on a busy machine it may still have to run to its end."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_a_worker_that_hangs_is_ended_with_all_that_it_started(workers: Make, tmp_path: Path) -> None:
    code = f"""
    import subprocess, time
    def answer(head, body):
        child = subprocess.Popen(["sleep", "600"])
        open({str(tmp_path / "child")!r}, "w").write(str(child.pid))
        while True: time.sleep(1)
    """
    started = tmp_path / "child"
    worker = workers(code, elapsed=lambda: 100.0 if started.exists() and started.read_text() else 0.0)

    with pytest.raises(WorkerError, match=r"gave no answer in 20 s"):
        worker.ask(JUDGE)

    assert worker.pid is None
    assert ends(int(started.read_text()))


def test_memory_is_bounded_also_where_no_allocation_fails(workers: Make) -> None:
    """Shared pages are not private ones: the limit of the process does not see them, whoever watches it does."""
    code = """
    import mmap, time
    def answer(head, body):
        kept = mmap.mmap(-1, 1 << 30)
        for at in range(0, 1 << 30, 4096): kept[at] = 1
        time.sleep(60)
    """
    worker = workers(code, Limits(memory=200 << 20, seconds=20))

    with pytest.raises(WorkerError, match="MB of memory; 200 MB are allowed"):
        worker.ask(JUDGE)


@pytest.mark.parametrize(
    "code",
    [
        "import urllib.request\n        urllib.request.urlopen('http://127.0.0.1:9/')",
        "import socket\n        socket.create_connection(('192.0.2.1', 80), 1)",
        "import socket\n        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    ],
    ids=["http", "tcp", "udp"],
)
def test_it_can_reach_nobody_and_says_what_was_tried(workers: Make, code: str) -> None:
    worker = workers(f"""
    def answer(head, body):
        {code}
    """)

    said = worker.ask(JUDGE)

    assert "the worker talks to nobody" in said.error
    assert said.blocked


def test_it_inherits_no_secret_and_tells_libraries_not_to_track(workers: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_TOKEN", "hunter2")
    worker = workers(
        "import os\ndef answer(head, body): return {'left_out': [f'{k}={v}' for k, v in os.environ.items()]}, b''"
    )

    environment = dict(one.split("=", 1) for one in worker.ask(JUDGE).left_out)

    assert "BURNLINE_TOKEN" not in environment
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["HOME"] != os.environ["HOME"]


def test_what_a_library_prints_is_no_answer(workers: Make) -> None:
    worker = workers(
        "import os\ndef answer(head, body): print('hello'); os.system('echo hello'); return {'library': 'x'}, b''"
    )

    assert worker.ask(JUDGE).library == "x"


def test_an_interpreter_that_is_not_there_is_a_reason(tmp_path: Path) -> None:
    worker = Worker("evidently", str(tmp_path / "python"))

    with pytest.raises(WorkerError, match=r"cannot start: .*No such file"):
        worker.ask(JUDGE)


def test_it_ends_when_the_process_that_started_it_is_gone(tmp_path: Path) -> None:
    """Also in the middle of a calculation: it looks every second whose child it is."""
    code = f"""
import sys; sys.path.insert(0, {str(WORKER)!r})
import fences, os
parent = os.getpid()
if os.fork() == 0:
    fences.end_with(parent, every=0.01)
    while True: sum(range(1000))
"""
    read, write = os.pipe()
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=write)
    os.close(write)

    parent.wait(timeout=20)
    rest = os.read(read, 1)  # the end of the pipe comes when the last process that holds it is gone
    os.close(read)

    assert rest == b""


@pytest.mark.parametrize("prefix", [b"\x80\x04\x95" + b"." * 13, frames.PREFIX.pack(frames.MAGIC, 1 << 30, 0)])
def test_neither_a_pickle_nor_a_giant_is_a_message(prefix: bytes) -> None:
    with pytest.raises(frames.FrameError, match="not a message"):
        frames.sizes(prefix)
