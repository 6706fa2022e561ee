"""docs/hooks.md is true: its examples load, and every kind of hook has its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from burnline.spec.hooks import HookSpec
from tests.spec.conftest import HEAD, Problems, file_problems

__all__ = ["file_problems"]  # a fixture

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "hooks.md").read_text()
EXAMPLES = [
    block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if re.match("release:|actions:", block)
]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_part_of_a_service_file(file_problems: Problems, example: str) -> None:
    assert file_problems((HEAD + example).encode()) == []


def test_every_kind_of_hook_is_described() -> None:
    elsewhere = set(re.findall(r"^- `(\w+)`: ", (DOCS / "runbooks.md").read_text(), re.MULTILINE))
    here = set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE))

    assert set(HookSpec.model_fields) - elsewhere <= here
    assert len(EXAMPLES) >= 5
