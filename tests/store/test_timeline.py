"""The record of an incident cannot be changed without showing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, insert

from burnline.store import timeline
from burnline.store.database import Database
from burnline.store.schema import incident


@pytest.fixture
def record(any_database: Database, now: datetime) -> list[timeline.Entry]:
    """Three entries of one incident, with two of another between them."""

    def write(tx: Connection) -> None:
        for service in ("card-fraud", "search"):
            tx.execute(insert(incident).values(service=service, title="t", state="open", opened_at=now))
        for n, incident_id in enumerate((1, 2, 1, 2, 1)):
            timeline.append(
                tx,
                incident_id=incident_id,
                at=now + timedelta(seconds=n, microseconds=7),
                source="alerting",
                type="opened",
                text=f"entry {n}: größer",
                data={"n": n, "nested": {"b": [1.5, None], "a": "é"}},
            )

    any_database.write(write)
    with any_database.read() as tx:
        return timeline.entries(tx, 1)


def test_an_incident_has_its_own_entries_oldest_first(record: list[timeline.Entry]) -> None:
    assert [entry.data["n"] for entry in record] == [0, 2, 4]


def test_an_untouched_record_holds(record: list[timeline.Entry]) -> None:
    assert record[0].prev_hash == timeline.GENESIS
    assert timeline.first_broken(record) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: replace(entry, text="nothing happened"),
        lambda entry: replace(entry, actor="somebody else"),
        lambda entry: replace(entry, at=entry.at + timedelta(microseconds=1)),
        lambda entry: replace(entry, data={**entry.data, "n": 3}),
        lambda entry: replace(entry, incident_id=2),
        lambda entry: replace(entry, hash="0" * 64),
    ],
)
def test_a_changed_entry_shows(
    record: list[timeline.Entry], change: Callable[[timeline.Entry], timeline.Entry]
) -> None:
    changed = change(record[1])

    assert timeline.first_broken([record[0], changed, record[2]]) == changed


def test_a_removed_entry_shows(record: list[timeline.Entry]) -> None:
    assert timeline.first_broken([record[0], record[2]]) == record[2]
    assert timeline.first_broken(record[1:]) == record[1]


def test_entries_that_changed_places_show(record: list[timeline.Entry]) -> None:
    first, second, third = record

    assert timeline.first_broken([second, first, third]) == second


def test_entries_written_in_one_statement_are_the_same_chain(any_database: Database, now: datetime) -> None:
    def note(tx: Connection, n: int) -> None:
        timeline.append(tx, incident_id=1 + n % 2, at=now, source="alerting", type="opened", text=f"entry {n}")

    def write(tx: Connection) -> None:
        for service in ("card-fraud", "search"):
            tx.execute(insert(incident).values(service=service, title="t", state="open", opened_at=now))
        note(tx, 0)
        with timeline.in_one_statement(tx):
            for n in range(1, 6):
                note(tx, n)
        note(tx, 6)

    any_database.write(write)

    with any_database.read() as tx:
        first, second = timeline.entries(tx, 1), timeline.entries(tx, 2)
    assert [entry.text for entry in first] == ["entry 0", "entry 2", "entry 4", "entry 6"]
    assert [entry.text for entry in second] == ["entry 1", "entry 3", "entry 5"]
    assert timeline.first_broken(first) is timeline.first_broken(second) is None


def test_a_block_that_raises_leaves_no_entry(database: Database, now: datetime) -> None:
    def break_off(tx: Connection) -> None:
        with timeline.in_one_statement(tx):
            timeline.append(tx, incident_id=1, at=now, source="alerting", type="opened", text="held")
            raise ZeroDivisionError

    def write(tx: Connection) -> None:
        tx.execute(insert(incident).values(service="card-fraud", title="t", state="open", opened_at=now))
        with pytest.raises(ZeroDivisionError):
            break_off(tx)
        timeline.append(tx, incident_id=1, at=now, source="alerting", type="opened", text="kept")

    database.write(write)

    with database.read() as tx:
        record = timeline.entries(tx, 1)
    assert [entry.text for entry in record] == ["kept"]
    assert timeline.first_broken(record) is None
