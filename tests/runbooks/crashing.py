"""A program whose workers are killed or stopped at every step boundary of a run; prints what came of each as JSON.

    python tests/runbooks/crashing.py kill|stop|race FOLDER [SERVER]

SERVER is the URL of a PostgreSQL server to make databases on, where every fifth boundary is tried; without it each
database is a file of SQLite, and every boundary is tried, a few beside each other as they mostly wait. A boundary is a
write to the database, and the rename that moves the alias. One process imports everything and forks the workers,
before it has a thread of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, make_url, text

from burnline.events import RunState, StepState
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.actions.locked import LockedFile
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import LIBRARY, Catalogue, load_runbook
from burnline.runbooks.turn import Around
from burnline.store import runs
from burnline.store.database import Database, open_database
from tests.runbooks.scene import BURN, SECOND, T0, Scene, Service, make_spec, write_registry

LEASE = timedelta(milliseconds=150)
LANES = 4
GIVE_UP_SECONDS = 20.0
SERVER = ""
MANY = Around(changes_per_hour=100, services_share=1.0, services=6)
RECIPE = load_runbook(LIBRARY / "bad-release.yaml")


def database_url(folder: Path) -> str:
    """The database that belongs to a folder."""
    if not SERVER:
        return f"sqlite:///{folder}/burnline.db"
    return make_url(SERVER).set(database=database_name(folder)).render_as_string(hide_password=False)


def database_name(folder: Path) -> str:
    """Of a folder, on a server that has those of other tests too."""
    return f"crash_{folder.parent.name}_{folder.name}".lower()


def make_database(folder: Path, template: str = "template1") -> None:
    """On a server, the database of a folder; a file of SQLite makes itself."""
    if SERVER:
        server = create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {database_name(folder)} TEMPLATE {template}"))
        server.dispose()


def prepare(folder: Path) -> None:
    """A database with one run to do."""
    folder.mkdir(parents=True)
    make_database(folder)
    db = open_database(database_url(folder))
    Scene(db, folder).request()
    db.close()


def open_scene(folder: Path) -> Scene:
    """The scene in a folder, as a worker that starts finds it."""
    db = Database(make_url(database_url(folder)))
    scene = Scene.__new__(Scene)
    scene.db, scene.folder, scene.registry = db, folder, folder / "registry.json"
    scene.sli, scene.spec = Service(scene.registry), make_spec(scene.registry)
    scene.recipe, scene.now = RECIPE, T0
    clock = folder / "clock"
    if clock.exists():
        scene.now = T0 + float(clock.read_text()) * SECOND
    return scene


def work(folder: Path, interrupt: partial[None] | None, at: int, owner: str) -> None:
    """Be a worker until the run has ended; call `interrupt` before the boundary of number `at`."""
    scene, passed = open_scene(folder), 0

    def boundary() -> None:
        nonlocal passed
        if passed == at and interrupt is not None:
            interrupt()
        passed += 1

    if interrupt is not None:
        watch(scene.db, boundary, inside_lock=interrupt.args == (signal.SIGKILL,))  # who sleeps in it keeps all out
    worker, give_up = scene.executor(owner=owner, lease=LEASE), time.monotonic() + GIVE_UP_SECONDS
    while scene.run(1).state is not RunState.FINISHED and time.monotonic() < give_up:
        if not worker.run_once(scene.now) and scene.run(1).state is RunState.RUNNING:
            time.sleep(0.01)  # another worker's lease has to run out, on the database's clock
            continue
        scene.now += SECOND
        (folder / "clock").write_text(str((scene.now - T0) / SECOND))
    scene.db.close()


def signal_self(number: signal.Signals) -> None:
    """Die, or stop, here: a signal to the process would let this thread go on until another one is there to take it."""
    signal.pthread_kill(threading.get_ident(), number)


def watch(db: Database, boundary: Callable[[], None], *, inside_lock: bool) -> None:
    """Have `boundary` called before every write and every change; also before and after the registry is renamed.

    Without `inside_lock`, not while the registry's lock is held, nor amid another thread's write: heartbeats are
    written beside the steps, a change that was given up goes on beside the next, and who sleeps with a lock in hand
    keeps everybody out.
    """
    write, move, apply = db.write, LockedFile.write, AliasHook.apply
    alone, changing = threading.Lock(), 0

    def watched_write(work: Any) -> Any:
        with alone:
            if inside_lock or not changing:
                boundary()
            return write(work)

    def watched_move(self: LockedFile, text: str) -> None:
        if inside_lock:
            boundary()
        move(self, text)
        if inside_lock:
            boundary()

    def watched_apply(self: AliasHook, target: str, **rest: Any) -> bool:
        nonlocal changing
        with alone:
            if inside_lock or not changing:
                boundary()
            changing += 1
        try:
            return apply(self, target, **rest)
        finally:
            with alone:
                changing -= 1

    db.write = watched_write  # type: ignore[method-assign]  # the test's own boundary
    LockedFile.write = watched_move  # type: ignore[method-assign]
    AliasHook.apply = watched_apply  # type: ignore[method-assign]


def fork(job: Callable[[], None]) -> int:
    """Run `job` in a child; returns its process id."""
    if (pid := os.fork()) == 0:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - a child must not go on as its parent
            tell({"error": repr(error)})
            os._exit(1)
        os._exit(0)
    return pid


def tell(found: Mapping[str, Any]) -> None:
    """Print a line in one piece: other processes write to the same pipe."""
    os.write(1, f"{json.dumps(found)}\n".encode())


def report(folder: Path, **more: Any) -> None:
    """Print how the run ended."""
    scene = open_scene(folder)
    with scene.db.read() as tx:
        ended = runs.get_run(tx, 1)
        steps = runs.steps(tx, 1)
    assert ended is not None
    done = [row.name for row in steps if row.state in (StepState.DONE, StepState.SKIPPED)]
    kinds = [kind for kind, _ in scene.told(1)]
    found = {
        "outcome": ended.outcome,
        "done": done,
        "rows": len(steps),
        "changes": len(scene.changes()),
        "finished": kinds.count("run_finished"),
    }
    scene.db.close()
    tell({**found, **more})


def everywhere(visit: Callable[[Path, range], None], folder: Path) -> None:
    """Have every boundary visited, in several processes; on a server every fifth, one after the other."""
    lanes = [range(0, 1000, 5)] if SERVER else [range(first, 1000, LANES) for first in range(LANES)]
    pids = [fork(partial(visit, folder, lane)) for lane in lanes]
    statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    if any(statuses):
        sys.exit("a process that visited boundaries failed")


def kill_at(folder: Path, lane: range) -> None:
    """Kill a worker at each boundary of a lane in turn, then let another one finish."""
    for at in lane:
        here = copied(folder, at)
        pid = fork(partial(work, here, partial(signal_self, signal.SIGKILL), at, "first"))
        _, status = os.waitpid(pid, 0)
        died = os.WIFSIGNALED(status)
        os.waitpid(fork(partial(work, here, None, -1, "second")), 0)
        os.waitpid(fork(partial(report, here, at=at, died=died)), 0)
        if not died:
            return


def stop_at(folder: Path, lane: range) -> None:
    """Stop a worker at each boundary in turn, let another finish, then wake the first: it comes back a zombie."""
    for at in lane:
        here = copied(folder, at)
        pid = fork(partial(work, here, partial(signal_self, signal.SIGSTOP), at, "first"))
        _, status = os.waitpid(pid, os.WUNTRACED)
        stopped = os.WIFSTOPPED(status)
        if stopped:
            os.waitpid(fork(partial(work, here, None, -1, "second")), 0)
            os.kill(pid, signal.SIGCONT)
            _, status = os.waitpid(pid, 0)
        told = {"at": at, "stopped": stopped, "ended_well": os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0}
        os.waitpid(fork(partial(report, here, **told)), 0)
        if not stopped:
            return


def race(folder: Path) -> None:
    """Two workers on one database with several runs of several services; prints every step row."""
    folder.mkdir(parents=True)
    make_database(folder)
    db = open_database(database_url(folder))
    scene = Scene(db, folder)
    names = [f"service-{n}" for n in range(6)]
    for name in names:
        write_registry(folder / f"{name}.json")
        scene.request(service=name, labels={**BURN, "service": name})
    db.close()
    pids = [fork(partial(compete, folder, names, owner)) for owner in ("left", "right")]
    codes = [os.WEXITSTATUS(os.waitpid(pid, 0)[1]) for pid in pids]
    reader = Database(make_url(database_url(folder)))
    with reader.read() as tx:
        ended = [(runs.get_run(tx, n + 1), runs.steps(tx, n + 1)) for n in range(len(names))]
    reader.close()
    for run, steps in ended:
        assert run is not None
        history = json.loads((folder / f"{run.service}.json").read_text())["history"]
        found = {"outcome": run.outcome, "steps": [[row.n, row.attempt] for row in steps]}
        tell({**found, "changes": len(history) - 2, "codes": codes})


def compete(folder: Path, names: list[str], owner: str) -> None:
    """Be one of two workers."""
    scene = open_scene(folder)
    specs = [make_spec(folder / f"{name}.json", service=name) for name in names]

    class Each:
        def read_sli(self, service: str, slo: str, since: Any, until: Any) -> Any:
            return Service(folder / f"{service}.json").read_sli(service, slo, since, until)

    worker = Executor(scene.db, specs, Catalogue({}), Each(), owner=owner, elapsed=lambda: 0.0, around=MANY)
    for second in range(8):
        worker.run_once(T0 + second * SECOND)
    scene.db.close()


def copied(folder: Path, at: int) -> Path:
    """A fresh copy of the prepared scene."""
    here = folder / str(at)
    shutil.copytree(folder / "prepared", here)
    make_database(here, database_name(folder / "prepared"))
    return here


if __name__ == "__main__":
    mode, place = sys.argv[1], Path(sys.argv[2])
    SERVER = "".join(sys.argv[3:])
    if mode == "race":
        race(place / "race")
    else:
        maker = fork(partial(prepare, place / "prepared"))
        os.waitpid(maker, 0)
        everywhere({"kill": kill_at, "stop": stop_at}[mode], place)
