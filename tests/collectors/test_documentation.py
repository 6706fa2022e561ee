"""docs/collectors.md, and the pages of its parts, say what the code does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from burnline import metrics
from burnline.app import wiring
from burnline.collectors import scrape
from burnline.collectors.cost import CostCollector
from burnline.collectors.jobs.collector import JobsCollector
from burnline.collectors.pushed import PushedCollector
from burnline.collectors.registry import RegistryCollector
from burnline.collectors.security.door import AskingCollector
from burnline.metrics.otlp import otlp_instruments
from burnline.metrics.register import MEASURED

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "collectors.md").read_text()
PAGES = "".join(page.read_text() for page in sorted(DOCS.glob("*.md")))
ROWS = dict(re.findall(r"^\| `(burnline_\w+)(?:\{[^`]*\})?` \|(.*)$", PAGES, re.MULTILINE))


def own_instruments() -> Iterator[tuple[str, tuple[str, ...]]]:
    """What burnline counts of itself: the name as it is written on /metrics, and its labels."""
    registry = CollectorRegistry()
    for kept in (metrics.instruments(registry), otlp_instruments(registry)):
        for field in fields(kept):
            each = getattr(kept, field.name)
            (family,) = each.describe()
            yield family.name + ("_total" if family.type == "counter" else ""), each._labelnames


INSTRUMENTS = dict(own_instruments())
DECLARED = {value for value in vars(metrics).values() if isinstance(value, str) and value.startswith("burnline_")}


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_every_series_of_the_machine_is_in_a_table(name: str) -> None:
    assert f"| `{name}` | {MEASURED[name]} |" in PAGES


def test_every_series_of_burnline_itself_is_in_a_table() -> None:
    assert {*DECLARED, *INSTRUMENTS} - set(ROWS) == set()


@pytest.mark.parametrize("name", sorted(INSTRUMENTS))
def test_what_burnline_counts_of_itself_is_told_with_every_label(name: str) -> None:
    assert set(INSTRUMENTS[name]) <= set(re.findall(r"[{`](\w+)[}`]", ROWS[name]))


def test_no_other_series_is_promised() -> None:
    assert set(ROWS) <= {*MEASURED, *DECLARED, *INSTRUMENTS}


def test_every_collector_is_explained_by_its_name() -> None:
    names = re.findall(r"^\| (`[^|]*) \|", PAGE[PAGE.index("## Each by its name") :], re.MULTILINE)

    assert {"host", "gpu", "gpu-amd"} <= set(re.findall(r"[\w-]+", " ".join(names)))
    for each in (PushedCollector, JobsCollector, AskingCollector, RegistryCollector, CostCollector):
        assert f"`{each.name}`" in names


def test_the_limits_are_as_written() -> None:
    assert f"{scrape.LIMIT_BYTES >> 20} MiB after decompression, a line" in PAGE
    assert wiring.COLLECT_DEADLINE.total_seconds() == 10, "each with a deadline of ten seconds"
