"""Pages of libraries: bounded in number and in size, on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete

from burnline.events import Counts, Finding, Verdict
from burnline.store import pages
from burnline.store.database import Database
from burnline.store.schema import finding
from burnline.store.signals import record_finding

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)


def save(db: Database, *windows: int, html: bytes = b"<p>drift</p>") -> None:
    for each in windows:
        at = START + each * WINDOW
        found = Finding("shop", "drift", at, at + WINDOW, Verdict.ALARM, 0.5, Counts(1, 2), "drifted")
        db.write(lambda tx, found=found: forget_and_record(tx, found))  # type: ignore[misc]  # mypy cannot infer it
        db.write(lambda tx, at=START + each * WINDOW: pages.save_page(tx, "shop", "drift", at, WINDOW, html))  # type: ignore[misc]  # mypy cannot infer it


def forget_and_record(tx: Connection, found: Finding) -> None:
    tx.execute(delete(finding).where(finding.c.window_start == found.window_start))
    record_finding(tx, found)


def kept(db: Database) -> list[int]:
    with db.read() as tx:
        return [(start - START) // WINDOW for start in pages.page_starts(tx, "shop", "drift")]


def test_a_page_comes_back_as_it_was_drawn_and_takes_the_place_of_an_older_one(any_database: Database) -> None:
    save(any_database, 0)
    save(any_database, 0, html=b"<p>again</p>" * 100_000)

    with any_database.read() as tx:
        assert pages.page_of(tx, "shop", "drift", START) == b"<p>again</p>" * 100_000
        assert pages.page_of(tx, "shop", "drift", START + WINDOW) is None
        assert pages.page_of(tx, "shop", "data", START) is None


def test_of_a_long_alarm_the_first_and_the_newest_pages_stay(database: Database) -> None:
    save(database, *range(6), *range(20, 25))

    assert kept(database) == [24, 20, 5, 0]


def test_of_many_alarms_the_oldest_go(database: Database) -> None:
    save(database, *range(0, 200, 5))

    assert kept(database) == list(range(195, 45, -5))


def test_a_page_that_unpacks_to_a_giant_is_cut(database: Database) -> None:
    save(database, 0, html=b" " * (pages.LARGEST + 1))

    with database.read() as tx:
        assert len(pages.page_of(tx, "shop", "drift", START) or b"") == pages.LARGEST
