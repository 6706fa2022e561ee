"""What every test may ask for."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from sqlite3 import Connection
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text

from burnline.store import database as store
from burnline.store.database import Database, open_database
from tests import paid_once
from tests.postgres import postgres_server

Golden = Callable[[Path, str], None]
settings.register_profile("burnline", deadline=None)  # how fast a machine is proves nothing
settings.load_profile("burnline")
_set_really = store._set


def _set_unsynced(connection: Connection, setting: str, busy_timeout: timedelta) -> None:
    """A commit does not wait for the disk: half of the time of many tests, and no test cuts the power."""
    _set_really(connection, setting.replace("synchronous = FULL", "synchronous = OFF"), busy_timeout)


store._set = _set_unsynced
paid_once.begin()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="rewrite the golden files instead of comparing with them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--golden"):  # nothing to rewrite in the others
        items[:] = [item for item in items if "golden" in getattr(item, "fixturenames", ())]


def pytest_collection_finish() -> None:
    """Thousands of tests and modules stay to the end: the collector need not look at them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden(path, text)`: the file holds exactly this text; `make golden` rewrites it instead."""
    rewrite = request.config.getoption("--golden")

    def check(path: Path, text: str) -> None:
        if rewrite:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path} is missing: run `make golden`, then read what it wrote"
        assert path.read_text() == text, f"{path} has changed: run `make golden`, then read the difference"

    return check


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases that are opened now are set as they are for users."""
    monkeypatch.setattr(store, "_set", _set_really)


@pytest.fixture
def step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases that are made now get their schema by the migrations, as those of users do."""
    monkeypatch.setattr(store, "migrate", paid_once.migrate_really)


@pytest.fixture
def now() -> datetime:
    """A fixed moment: time is an argument."""
    return datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with every table and no row: a copy of it is made faster than the tables are."""
    file = tmp_path_factory.mktemp("migrated") / "burnline.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "migrate", paid_once.migrate_really)
        open_database(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> Iterator[Database]:
    """A real SQLite database in a temporary folder."""
    copyfile(migrated, tmp_path / "burnline.db")
    db = open_database(f"sqlite:///{tmp_path}/burnline.db")
    yield db
    db.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server's maintenance database."""
    with postgres_server() as url:
        yield url


@contextmanager
def _database_of(server_url: str, template: str = "template1") -> Iterator[str]:
    """The URL of a PostgreSQL database of one test alone, made like `template`."""
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test alone."""
    with _database_of(postgres) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> Iterator[str]:
    """The name of a PostgreSQL database with every table and no row."""
    with _database_of(postgres) as url:
        open_database(url).close()
        yield str(make_url(url).database)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of every kind that burnline keeps its state in."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/burnline.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def any_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A real database of every kind: for whatever speaks SQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    server, template = (request.getfixturevalue(name) for name in ("postgres", "migrated_postgres"))
    with _database_of(server, template) as url:
        db = open_database(url)
        yield db
        db.close()
