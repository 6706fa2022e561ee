"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from burnline.runbooks.releases import evidence, interval, ranks


@pytest.mark.parametrize("module", [evidence, interval, ranks])
def test_the_examples_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module)

    assert found.attempted
    assert not found.failed
