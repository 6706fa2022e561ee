"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from burnline.store.database import Database, open_database
from tests.postgres import postgres_server

Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="rewrite the golden files instead of comparing with them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--golden"):  # nothing to rewrite in the others
        items[:] = [item for item in items if "golden" in getattr(item, "fixturenames", ())]


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
def now() -> datetime:
    """A fixed moment: time is an argument."""
    return datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A real SQLite database in a temporary folder."""
    db = open_database(f"sqlite:///{tmp_path}/burnline.db")
    yield db
    db.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server's maintenance database."""
    with postgres_server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test alone."""
    server = create_engine(postgres, isolation_level="AUTOCOMMIT")
    name = f"test_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield str(server.url.set(database=name))
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of every kind that burnline keeps its state in."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/burnline.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def any_database(any_url: str) -> Iterator[Database]:
    """A real database of every kind: for whatever speaks SQL."""
    db = open_database(any_url)
    yield db
    db.close()
