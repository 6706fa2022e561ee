"""What importing burnline costs, and that there is one way to import it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("alerting", "collectors", "dashboards", "detectors", "runbooks", "slo")
HEAVY = {"sqlalchemy", "pydantic", "numpy", "scipy", "fastapi", "httpx", "opentelemetry", "sklearn", "grafanalib"}
OPTIONAL = {"evidently", "alibi_detect", "torch", "psycopg"}


def modules_after(statement: str) -> set[str]:
    program = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", program], text=True).split())


def test_importing_burnline_loads_nothing_heavy() -> None:
    assert modules_after("import burnline").isdisjoint(HEAVY | OPTIONAL)


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    assert modules_after("import burnline.app.cli").isdisjoint(HEAVY | OPTIONAL)


def test_importing_the_client_loads_nothing_heavy_and_nothing_of_burnline_but_itself() -> None:
    program = "import burnline.client, sys; print(*(name for name in sys.modules if name.startswith('burnline.')))"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()

    assert modules_after("import burnline.client").isdisjoint(HEAVY | OPTIONAL)
    assert {name.split(".")[1] for name in loaded} == {"client"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_domain_folder_is_at_the_root_and_linked_into_the_package(folder: str) -> None:
    link = ROOT / "src/burnline" / folder

    assert str(link.readlink()) == f"../../{folder}"
    assert (ROOT / folder).is_dir()
    assert not (ROOT / folder).is_symlink()


def test_nobody_imports_a_domain_folder_by_its_bare_name() -> None:
    """A second name would make every class twice."""
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in python_files()
        for name in imported(path)
        if name.split(".")[0] in FOLDERS
    ]

    assert wrong == []


def python_files() -> Iterator[Path]:
    for folder in (*FOLDERS, "src", "tests", "benchmarks", "examples", "scripts"):
        yield from (ROOT / folder).rglob("*.py")


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
