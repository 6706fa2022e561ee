"""`burnline profile`: what it refuses to overwrite, and which columns it warns of."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from burnline.app.profile import doubts
from burnline.detectors.profiling.build import build_profile
from tests.app.conftest import Cli

ROWS = 2000


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of one table."""
    place = tmp_path / "training.db"
    with sqlite3.connect(place) as made:
        made.execute("create table training (age)")
        made.executemany("insert into training values (?)", [(at % 50,) for at in range(ROWS)])
    made.close()
    return place


@pytest.mark.parametrize("url", ["sqlite:///training.db", "sqlite:///file:training.db?mode=ro&uri=true"])
def test_a_reference_is_never_written_over_the_database_it_is_made_of(cli: Cli, database: Path, url: str) -> None:
    before = database.read_bytes()

    code, _, err = cli("profile", "select age from training", "--database", url, "-o", "./training.db")

    assert code == 1
    assert "--out training.db: is the database itself" in err
    assert database.read_bytes() == before


def test_a_query_is_profiled_into_a_file_beside_its_database(cli: Cli, database: Path, tmp_path: Path) -> None:
    code, out, _ = cli("profile", "select age from training", "--database", f"sqlite:///{database}", "-o", "r.json")

    assert (code, out) == (0, f"r.json: 1 features of {ROWS} rows\n")


def said_of(values: list[object]) -> list[str]:
    return doubts(build_profile({"column": values}, name="t"))


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_moments_are_named_whatever_they_count(unit: int) -> None:
    moments = [(1_767_225_600 + 60 * at) * unit for at in range(ROWS)]

    (said,) = said_of([*moments])

    assert said.startswith("column: looks like moments (2026-01-01 to 2026-01-02), and time always moves on")


def test_days_that_are_text_are_moments_too() -> None:
    (said,) = said_of([f"2026-01-{1 + at % 28:02}" for at in range(ROWS)])

    assert said.startswith("column: looks like moments, and time always moves on")


def test_row_numbers_are_named() -> None:
    (said,) = said_of([*range(7001, 7001 + ROWS)])

    assert said == "column: looks like row numbers, which always grow; --ignore column leaves it out"


@pytest.mark.parametrize("step", [0.5, 0], ids=["once each", "often"])
def test_a_word_for_nothing_among_numbers_is_named(step: float) -> None:
    (said,) = said_of(["NA" if at % 4 == 0 else f"{at % 3 + at * step}" for at in range(ROWS)])

    assert said == ("column: labels, as 'NA' is no number; where it says that nothing is known, leave the cell empty")


def test_a_country_that_is_called_as_nothing_is_not_doubted() -> None:
    assert said_of([("NA", "DE", "FR")[at % 3] for at in range(ROWS)]) == []


@pytest.mark.parametrize(
    "values",
    [
        [at % 100 for at in range(ROWS)],
        [float(at) / 7 for at in range(ROWS)],
        [f"{at % 30}-01" for at in range(ROWS)],
        np.random.default_rng(1).integers(0, 100_000, ROWS).tolist(),
        [1_000_000.0 * (at % 90) for at in range(ROWS)],
        [at % (ROWS // 2) for at in range(ROWS)],
    ],
    ids=["small-numbers", "fractions", "codes", "amounts", "round-amounts", "postal-codes"],
)
def test_what_is_no_moment_and_no_row_number_is_not_doubted(values: list[object]) -> None:
    assert said_of(values) == []


@pytest.mark.parametrize(
    "statement",
    ["drop table training", "delete from training returning age", "insert into training values (1) returning age"],
)
def test_a_query_cannot_change_the_database(cli: Cli, database: Path, statement: str) -> None:
    before = database.read_bytes()

    code, _, err = cli("profile", statement, "--database", f"sqlite:///{database}", "-o", "r.json")

    assert code == 1
    assert "query: the database refuses: attempt to write a readonly database" in err
    assert database.read_bytes() == before
