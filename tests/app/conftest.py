"""One burnline behind its doors for each file of tests: starting one takes a third of a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app.still import Still, still


@pytest.fixture(scope="module")
def burnline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Still]:
    """burnline, served with its workers standing still."""
    with still(tmp_path_factory.mktemp("still")) as made:
        yield made


@pytest.fixture
def door(burnline: Still) -> Still:
    """The same, with nothing kept and nothing counted."""
    burnline.forget()
    return burnline
