"""The machine of the tests, and what a turn reads there."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from burnline.events import Sample
from tests.collectors.host.tree import FILES, collector, write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    write(tmp_path, FILES)
    return tmp_path


@pytest.fixture
def samples(tree: Path, now: datetime) -> list[Sample]:
    return list(collector(tree).collect(now))
