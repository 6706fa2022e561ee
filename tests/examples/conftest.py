"""The example service is no installed package: it runs with examples/ on the path, as in the demo."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from screening.data import Screening
from screening.registry import create


@pytest.fixture(scope="session")
def screening() -> Screening:
    """The data and the model, trained once."""
    return Screening()


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """A new registry file; version 1 is the champion."""
    return create(tmp_path / "registry")
