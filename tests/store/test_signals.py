"""Findings and the counts of open windows, on every database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from burnline.errors import StoreError
from burnline.events import Cell, Contributor, Counts, Finding, Verdict
from burnline.store import signals
from burnline.store.database import Database

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def finding(minute: int = 0, service: str = "shop", signal: str = "drift") -> Finding:
    return Finding(
        service,
        signal,
        START + minute * MINUTE,
        START + (minute + 1) * MINUTE,
        Verdict.ALARM,
        0.25,
        Counts(100.5, 402),
        "age drifted",
        (Contributor("age", 0.25, "100% of its values are above 56"), Contributor("city", 0.125)),
    )


def record(db: Database, *found: Finding) -> list[int]:
    return db.write(lambda tx: [signals.record_finding(tx, one) for one in found])


def test_a_finding_comes_back_as_it_was_recorded(any_database: Database) -> None:
    silent = replace(finding(1), verdict=Verdict.NO_DATA, score=None, counts=Counts(0, 0), contributors=())
    ids = record(any_database, finding(), silent)

    with any_database.read() as tx:
        assert signals.findings_after(tx, 0, 10) == [(ids[0], finding()), (ids[1], silent)]


def test_a_reader_goes_on_after_the_last_finding_it_saw(any_database: Database) -> None:
    ids = record(any_database, *[finding(minute) for minute in range(5)])

    with any_database.read() as tx:
        first = signals.findings_after(tx, 0, 3)
        rest = signals.findings_after(tx, first[-1][0], 3)

    assert [one for one, _ in (*first, *rest)] == ids == sorted(ids)


def test_a_window_is_judged_once(any_database: Database) -> None:
    record(any_database, finding())

    with pytest.raises(StoreError):
        record(any_database, finding())


def test_the_latest_finding_of_every_signal(any_database: Database) -> None:
    drift, data, other = finding(2), finding(1, signal="data"), finding(0, service="bank")
    record(any_database, finding(0), drift, finding(0, signal="data"), data, other)

    with any_database.read() as tx:
        assert signals.latest_findings(tx) == [other, data, drift]
        assert signals.latest_findings(tx, "shop") == [data, drift]
        assert signals.latest_findings(tx, "nobody") == []


def test_findings_between_two_times_lie_wholly_inside(any_database: Database) -> None:
    found = [finding(minute) for minute in range(6)]
    record(any_database, *found, finding(3, signal="data"), finding(3, service="bank"))

    with any_database.read() as tx:
        inside = signals.findings_between(tx, "shop", "drift", START + MINUTE, START + 4 * MINUTE)

    assert inside == found[1:4]


def test_event_totals_add_up_per_signal(any_database: Database) -> None:
    record(any_database, finding(0), finding(1), finding(0, signal="data"))

    with any_database.read() as tx:
        assert signals.event_totals(tx) == {("shop", "drift"): Counts(201, 804), ("shop", "data"): Counts(100.5, 402)}


def test_an_open_window_is_kept_replaced_and_forgotten(any_database: Database) -> None:
    any_database.write(lambda tx: signals.save_state(tx, "shop", "drift", START, b"one"))
    any_database.write(lambda tx: signals.save_state(tx, "shop", "drift", START, b"two"))
    any_database.write(lambda tx: signals.save_state(tx, "shop", "drift", START + MINUTE, b"three"))

    with any_database.read() as tx:
        kept = sorted(signals.load_states(tx))
    any_database.write(lambda tx: signals.delete_state(tx, "shop", "drift", START))

    assert kept == [("shop", "drift", "", START, b"two"), ("shop", "drift", "", START + MINUTE, b"three")]
    with any_database.read() as tx:
        assert [row[3] for row in signals.load_states(tx)] == [START + MINUTE]


def test_what_is_found_of_a_version_or_slice_is_told_apart_from_the_whole(any_database: Database) -> None:
    whole, seven, later = finding(), replace(finding(), part="version=7"), replace(finding(minute=1), part="version=7")
    german = replace(finding(), part="country=DE")
    record(any_database, whole, seven, german, later)

    with any_database.read() as tx:
        assert [found for _, found in signals.findings_after(tx, 0, 10)] == [whole]
        assert signals.latest_findings(tx) == [whole]
        assert signals.event_totals(tx) == {("shop", "drift"): whole.counts}
        assert signals.findings_between(tx, "shop", "drift", START, START + 9 * MINUTE, "version=7") == [seven, later]
        assert signals.latest_parts(tx, "shop", "drift", START) == [german, later]
        assert signals.latest_parts(tx, "shop", "drift", german.window_end) == [later]


def test_pictures_and_numbers_beside_the_score_are_kept(any_database: Database) -> None:
    pictured = Contributor("amount", 0.2, "more", (Cell("up to 3", 0.5, 0.7), Cell("above 3", 0.5, 0.3)), {"psi": 0.04})
    found = replace(finding(), contributors=(pictured,))
    record(any_database, found)

    with any_database.read() as tx:
        assert signals.latest_findings(tx) == [found]


def test_what_a_detector_remembers_is_replaced_whole(any_database: Database) -> None:
    for memories in ({"": b"one", "version=6": b"two"}, {"": b"three", "version=7": b""}):
        any_database.write(partial(signals.save_memories, service="shop", signal="drift", memories=memories))

    with any_database.read() as tx:
        assert signals.load_memories(tx) == [("shop", "drift", "", b"three")]
