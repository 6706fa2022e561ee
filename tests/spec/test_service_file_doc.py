"""docs/service-file.md is true: its example loads, its mistakes are real, and no field is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from burnline.spec.schema import json_schema
from tests.spec.conftest import HEAD, Problems

TEXT = (Path(__file__).parents[2] / "docs" / "service-file.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def keys(schema: Any) -> Iterator[str]:
    """Every key a service file may have, and every word a field may be."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from (word for word in schema.get("enum", []) if isinstance(word, str))
        for name, inner in schema.items():
            yield from keys(inner) if name != "not" else ()
    elif isinstance(schema, list):
        for inner in schema:
            yield from keys(inner)


def defined(name: str) -> set[str]:
    return set(keys(json_schema()["$defs"][name]))


# the words of the page's `code`, outside its examples
CODE = set(
    re.findall(r"[\w/-]+", " ".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))))
)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_the_examples_of_the_page_load(file_problems: Problems, block: str) -> None:
    assert file_problems(block) == []


def test_the_mistakes_of_the_page_are_what_is_said(file_problems: Problems) -> None:
    file = HEAD + "slos:\n  - {objectiv: 99%, name: up,\n     window: 30, objective: 99%, sli: {signal: drift}}\n"

    found = file_problems(file)

    assert [f"card-fraud.yaml:{problem}" for problem in found] == blocks("text")[0].splitlines()


@pytest.mark.parametrize("key", sorted(set(keys(json_schema()))))
def test_every_field_is_on_the_page(key: str) -> None:
    assert key in CODE
