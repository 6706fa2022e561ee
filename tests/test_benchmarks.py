"""Every benchmark starts as it says, and its numbers stand where all of them do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))
DOCS = (ROOT / "docs" / "benchmarks.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_that_imports_from_the_root_says_how_to_start_it(script: Path) -> None:
    tree = ast.parse(script.read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    of_root = {module for module in modules if module.split(".")[0] in ("tests", "benchmarks")}

    told = f"PYTHONPATH=. python benchmarks/{script.name}" in (ast.get_docstring(tree) or "")

    assert told or not of_root or "sys.path.insert" in script.read_text()


def test_make_starts_them_where_they_find_the_root() -> None:
    recipes = re.findall(r"^\t.*benchmarks/.*$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert len(recipes) == 2
    assert all("PYTHONPATH=. $(BIN)/python" in recipe for recipe in recipes)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_numbers_of_a_script_stand_in_the_documentation(script: Path) -> None:
    helper = "Called by" in (ast.get_docstring(ast.parse(script.read_text())) or "")

    assert helper or f"`{script.name}`" in DOCS


def test_pictures_are_named_with_hyphens() -> None:
    names = [path.name for path in (ROOT / "docs" / "images").iterdir()]

    assert [name for name in names if "_" in name] == []
