"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from burnline.store.database import Database, open_database


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
