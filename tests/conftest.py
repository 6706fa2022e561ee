"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from burnline.store.database import Database, open_database

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
