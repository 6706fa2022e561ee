"""The scene on which runbooks are tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.store.database import Database
from tests.runbooks.scene import Scene


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    """A service that burns since its release."""
    return Scene(database, tmp_path)
