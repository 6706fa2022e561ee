"""docs/client.md says what the client does."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import httpx
import pytest

from burnline.client import Client, Stats

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/client.md").read_text()


def test_every_argument_is_in_the_table_with_its_default() -> None:
    given = inspect.signature(Client.__init__).parameters
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE))

    assert set(rows) == set(given) - {"self", "transport"}
    for name in ("buffer", "batch", "every_seconds", "timeout_seconds", "exit_seconds"):
        assert float(rows[name]) == given[name].default, name


@pytest.mark.parametrize("field", [field.name for field in fields(Stats)])
def test_every_count_is_named(field: str) -> None:
    assert f"`{field}`" in PAGE


def test_the_first_example_runs() -> None:
    heard: list[str] = []

    def burnline(request: httpx.Request) -> httpx.Response:
        heard.append(request.url.path)
        return httpx.Response(202, json={"refused_count": 0})

    example = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    given = {"transport": httpx.MockTransport(burnline)}
    exec(example.replace('version="7"', 'version="7", **given'), {"given": given})

    assert sorted(heard) == ["/v1/labels", "/v1/predictions"]


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
