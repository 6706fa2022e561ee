"""A service file on disk, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from burnline.errors import SpecError
from burnline.spec.load import load_service
from burnline.spec.service import ServiceSpec

HEAD = "apiVersion: burnline/v1\nservice: card-fraud\nowner: payments-ml\n"  # so that a body starts on line 4
Load = Callable[[str], ServiceSpec]
Problems = Callable[[str | bytes], list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a service with this body."""

    def load_body(body: str) -> ServiceSpec:
        file = tmp_path / "card-fraud.yaml"
        file.write_text(HEAD + dedent(body))
        return load_service(file)

    return load_body


@pytest.fixture
def file_problems(tmp_path: Path) -> Problems:
    """Every problem of a file with this content, as `line: field: message`."""

    def problems_of(content: str | bytes) -> list[str]:
        file = tmp_path / "card-fraud.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            load_service(file)
        except SpecError as error:
            return [str(problem).removeprefix(f"{file}:").strip() for problem in error.problems]
        return []

    return problems_of


@pytest.fixture
def problems(file_problems: Problems) -> Problems:
    """Every problem of a service with this body, which starts on line 4."""
    return lambda body: file_problems(HEAD + dedent(str(body)))
