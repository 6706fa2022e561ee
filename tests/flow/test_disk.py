"""The disk fills up, turns read-only, or is held by another: 503 and nothing kept, then on again by itself."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from burnline.alerting.webhook import fingerprint
from burnline.app import wiring
from burnline.errors import StoreError
from burnline.store.database import open_database
from tests.alerting.pair import SERVICE, Door, now
from tests.flow.real import alert_body
from tests.programs import free_port

SMALL, LARGE = "4m", "64m"


def mounted(folder: Path, *options: str) -> None:
    """A file system of its own at `folder`; skips the test where that is not allowed."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", *options, "burnline-test", str(folder)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")


@contextmanager
def file_system(folder: Path) -> Iterator[Path]:
    mounted(folder, "-o", f"size={SMALL}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with file_system(tmp_path / "disk") as folder:
        yield folder


@contextmanager
def opened(folder: Path, place: Path) -> Iterator[Door]:
    door = Door(folder, database=f"sqlite:///{place}/burnline.db")
    door.open()
    try:
        yield door
    finally:
        door.close()


def post(door: Door, n: int, *, padding: int = 0) -> int:
    """Send one alert; the answer's status."""
    labels = {"alertname": "Burn", "service": "shop", "n": str(n)}
    body = {**alert_body(labels, fingerprint(labels), now().isoformat()), "padding": "x" * padding}
    return httpx.post(door.url, json=body, timeout=30, trust_env=False).status_code


def health(door: Door) -> tuple[int, int]:
    """What readiness and life answer."""
    ready, alive = (httpx.get(door.base + path, timeout=20, trust_env=False) for path in ("/readyz", "/healthz"))
    return ready.status_code, alive.status_code


def numbers(door: Door) -> set[str]:
    """The alerts of which there are episodes, once the inbox is worked off."""
    door.app.alerts.run_once(now())
    with door.app.db.read() as tx:
        return {labels for (labels,) in tx.exec_driver_sql("SELECT json_extract(labels, '$.n') FROM episode")}


def test_a_full_disk_refuses_and_loses_nothing_and_room_heals_it(tmp_path: Path, disk: Path) -> None:
    with opened(tmp_path, disk) as door:
        statuses = {n: post(door, n, padding=250_000) for n in range(25)}
        refused = [n for n, status in statuses.items() if status != 200]
        assert refused
        assert {statuses[n] for n in refused} == {503}
        assert health(door) == (503, 200)
        with pytest.raises(StoreError):  # what waits cannot be worked off either, and is kept
            door.app.alerts.run_once(now())

        remount(disk, f"size={LARGE}")

        assert {post(door, n) for n in refused} == {200}
        assert health(door) == (200, 200)
        assert numbers(door) == {str(n) for n in statuses}
    with closing(sqlite3.connect(disk / "burnline.db")) as left:
        assert left.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_full_disk_is_not_ready_for_those_who_find_nothing_to_do_either(tmp_path: Path, disk: Path) -> None:
    with opened(tmp_path, disk) as door:
        (disk / "other").write_bytes(b"x" * 2_000_000)  # somebody else's
        n = 0
        while post(door, n, padding=50_000) == 200:
            n += 1
        answers = []
        for _ in range(3):
            door.app.db.write(lambda tx: tx.exec_driver_sql("DELETE FROM episode WHERE 1 = 0").close())
            answers.append(health(door))
            assert post(door, n, padding=50_000) == 503
            answers.append(health(door))

    assert set(answers) == {(503, 200)}


def test_a_disk_that_turns_read_only_refuses_and_is_alive(tmp_path: Path) -> None:
    """As SQLite sees it: a kernel that found a fault in a file system lets nobody write there any more."""

    def turn(*, on: bool) -> None:
        with closing(door.app.db._writer.raw_connection()) as connection:
            connection.cursor().execute(f"PRAGMA query_only = {'ON' if on else 'OFF'}").close()

    with opened(tmp_path, tmp_path) as door:
        assert post(door, 1) == 200
        turn(on=True)
        assert post(door, 2) == 503
        assert health(door) == (503, 200)

        turn(on=False)

        assert post(door, 2) == 200
        assert health(door) == (200, 200)
        assert numbers(door) == {"1", "2"}


def test_a_read_only_file_system_stops_the_start_with_its_reason(tmp_path: Path, disk: Path) -> None:
    with opened(tmp_path, disk) as door:
        assert post(door, 1) == 200
    remount(disk, "ro")
    (tmp_path / "shop.yaml").write_text(SERVICE)

    argv = [sys.executable, "-m", "burnline", "up", str(tmp_path / "shop.yaml"), "--port", str(free_port())]
    argv += ["--database", f"sqlite:///{disk}/burnline.db"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 1
    assert "burnline.db" in done.stderr
    assert "Traceback" not in done.stderr
    remount(disk, "rw")
    with opened(tmp_path, disk) as door:
        assert numbers(door) == {"1"}


def test_a_database_that_another_process_holds_is_waited_for_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "open_database", partial(open_database, busy_timeout=timedelta(milliseconds=100)))
    with opened(tmp_path, tmp_path) as door:
        assert post(door, 1) == 200
        other = sqlite3.connect(tmp_path / "burnline.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")

        assert post(door, 2) == 503
        assert health(door) == (503, 200)
        with pytest.raises(StoreError) as failure:
            door.app.alerts.run_once(now())
        assert failure.value.retryable

        other.execute("ROLLBACK")
        other.close()
        assert post(door, 2) == 200
        assert health(door) == (200, 200)
        assert numbers(door) == {"1", "2"}
