"""docs/collectors.md, and the pages of its parts, say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from burnline import metrics
from burnline.collectors import scrape
from burnline.metrics.register import MEASURED

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "collectors.md").read_text()
PAGES = "".join(page.read_text() for page in sorted(DOCS.glob("*.md")))


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_every_series_of_the_machine_is_in_a_table(name: str) -> None:
    assert f"| `{name}` | {MEASURED[name]} |" in PAGES


def test_no_other_series_is_promised() -> None:
    known = {*MEASURED, *(value for value in vars(metrics).values() if isinstance(value, str))}

    assert set(re.findall(r"\| `(burnline_\w+)` \|", PAGES)) <= known


def test_the_limits_are_as_written() -> None:
    assert f"{scrape.LIMIT_BYTES >> 20} MiB after decompression, a line" in PAGE
