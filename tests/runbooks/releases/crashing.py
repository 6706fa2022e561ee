"""A program whose worker is killed before every write of a release's life, and after; prints what came of each as JSON.

python tests/runbooks/releases/crashing.py FOLDER
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

from sqlalchemy import make_url

from burnline.events import Counts
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.releases.registry import Standing
from burnline.store import timeline
from burnline.store.database import Database, open_database
from tests.runbooks.releases.scene import MINUTE, Scene
from tests.runbooks.scene import T0

LEASE = timedelta(milliseconds=100)
BAD_FROM = T0 + 3 * MINUTE
GIVE_UP_SECONDS = 30.0


def prepare(folder: Path) -> None:
    """A release that has just begun, of a version that will go bad."""
    folder.mkdir(parents=True)
    copyfile(folder.parent / "migrated.db", folder / "burnline.db")
    db = open_database(f"sqlite:///{folder}/burnline.db")
    scene = Scene(db, folder, traffic_hook="shift")
    scene.start()
    scene.deploy("2")
    db.close()


def open_scene(folder: Path) -> Scene:
    """The scene as a process that starts finds it."""
    fresh = Scene.__new__(Scene)
    kept = {name: (folder / f"{name}.json").read_text() for name in ("champion", "traffic")}
    Scene.__init__(fresh, Database(make_url(f"sqlite:///{folder}/burnline.db")), folder, traffic_hook="shift")
    for name, text in kept.items():  # making a scene writes new ones
        (folder / f"{name}.json").write_text(text)
    fresh.standing = Standing()
    clock = folder / "clock"
    fresh.now = T0 + float(clock.read_text()) * MINUTE if clock.exists() else T0
    return fresh


def work(folder: Path, die_at: int | None) -> int:
    """Be the worker until the release is over; die before write or change number `die_at`. Returns how many it made."""
    scene, passed = open_scene(folder), 0
    write, apply = scene.db.write, AliasHook.apply

    def boundary() -> None:
        nonlocal passed
        if passed == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    class Watched:
        """The database as the release's worker sees it."""

        read = staticmethod(scene.db.read)

        @staticmethod
        def write(work: Any) -> Any:
            boundary()
            return write(work)

    def watched_apply(self: AliasHook, target: str, **rest: Any) -> bool:
        boundary()
        made = apply(self, target, **rest)
        boundary()
        return made

    AliasHook.apply = watched_apply  # type: ignore[method-assign]  # the test's own boundary
    worker, executor = scene.worker(), scene.executor(owner=f"{os.getpid()}")
    worker._db, executor._lease = Watched, LEASE  # type: ignore[assignment]
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not scene.rollout().state.over and time.monotonic() < give_up:
        scene.versions.served["2"] = (
            Counts(50, 100) if BAD_FROM <= scene.now < BAD_FROM + 4 * MINUTE else Counts(1, 100)
        )
        worker.run_once(scene.now)
        if not executor.run_once(scene.now):
            time.sleep(0.01)  # a dead worker's lease has to run out, on the database's clock
        scene.now += MINUTE / 2
        (folder / "clock").write_text(str((scene.now - T0) / MINUTE))
    scene.db.close()
    return passed


def killed_at(folder: Path, boundary: int) -> dict[str, Any]:
    """Kill one worker there, let another finish, and tell what came of it."""
    prepare(folder)
    child = os.fork()
    if child == 0:
        work(folder, boundary)
        os._exit(0)
    died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    work(folder, None)
    scene = open_scene(folder)
    types = scene.types()
    record = scene.record()
    found = {
        "boundary": boundary,
        "died": died,
        "state": scene.rollout().state,
        "note": scene.rollout().note,
        "champion": scene.changes("champion"),
        "traffic": scene.changes("traffic"),
        "ends": types.count("release_aborted"),
        "runs": len({entry.data["run"] for entry in record if entry.type == "run_started"}),
        "whole": timeline.first_broken(record) is None,
    }
    scene.db.close()
    return found


def main(folder: Path) -> None:
    open_database(f"sqlite:///{folder}/migrated.db").close()  # every table and no row, to be copied
    boundary, died = 0, True
    while died:
        found = killed_at(folder / str(boundary), boundary)
        print(json.dumps(found), flush=True)
        boundary, died = boundary + 1, found["died"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
