"""Events by id: taken once, joined with their labels whichever comes first, kept for a bounded time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burnline.metrics import events as names
from burnline.store import kept_events
from burnline.store.database import Database
from burnline.store.kept_events import (
    Joined,
    KeptEvent,
    Label,
    count_events,
    forget_events,
    is_wrong,
    key_of,
    labelled_after,
    take_events,
    take_labels,
)
from burnline.store.series import samples

HOUR = timedelta(hours=1)


def event(name: str, at: datetime, prediction: Any = "fraud", version: str = "7") -> KeptEvent:
    return KeptEvent(key_of(name), at, version, prediction, 0.9)


def label(name: str, at: datetime, said: Any = "fraud") -> Label:
    return Label(key_of(name), said, at)


def counted(db: Database, service: str = "shop") -> dict[tuple[str, str], float]:
    with db.read() as tx:
        return {(one.name, one.labels.get("version", "")): one.value for one in samples(tx, service)}


def test_an_id_is_taken_once_for_each_service(any_database: Database, now: datetime) -> None:
    events = [event("a", now), event("b", now), event("a", now)]

    first = any_database.write(lambda tx: take_events(tx, "shop", events, now))
    again = any_database.write(lambda tx: take_events(tx, "shop", [*events, event("c", now)], now))
    other = any_database.write(lambda tx: take_events(tx, "bank", events, now))

    assert first == {key_of("a"), key_of("b")}
    assert again == {key_of("c")}
    assert other == first


def test_one_answer_that_is_beyond_all_bounds_does_not_end_the_sum_of_errors(database: Database, now: datetime) -> None:
    said = {"a": (1e308, -1e308), "b": (7.0, 5.5)}  # their difference is more than a float can hold
    database.write(lambda tx: take_events(tx, "shop", [event(name, now, said[name][0]) for name in said], now))

    database.write(lambda tx: take_labels(tx, "shop", [label(name, now, said[name][1]) for name in said], now))

    assert counted(database)[names.ERROR, "7"] == 1e15 + 1.5


def test_a_number_and_its_digits_are_the_same_id() -> None:
    assert key_of(17) == key_of("17")
    assert len(key_of("x" * 10_000)) == 16


def test_a_label_finds_its_event(any_database: Database, now: datetime) -> None:
    any_database.write(lambda tx: take_events(tx, "shop", [event("a", now), event("b", now, "fine", "8")], now))

    joined = any_database.write(
        lambda tx: take_labels(tx, "shop", [label("a", now + HOUR), label("b", now + HOUR)], now + 2 * HOUR)
    )

    assert joined == Joined(2, 0, 0)
    with any_database.read() as tx:
        rows = labelled_after(tx, "shop", 0, 10)
        assert labelled_after(tx, "shop", rows[0].id, 10) == rows[1:]
        assert labelled_after(tx, "bank", 0, 10) == []
    assert {(row.version, row.prediction, row.label) for row in rows} == {
        ("7", "fraud", "fraud"),
        ("8", "fine", "fraud"),
    }
    assert {(row.at, row.labelled_at, row.joined_at) for row in rows} == {(now, now + HOUR, now + 2 * HOUR)}
    assert counted(any_database) == {
        (names.LABELLED, "7"): 1,
        (names.WRONG, "7"): 0,
        (names.LABELLED, "8"): 1,
        (names.WRONG, "8"): 1,
    }


def test_a_label_that_comes_first_waits_for_its_event(any_database: Database, now: datetime) -> None:
    waiting = any_database.write(lambda tx: take_labels(tx, "shop", [label("a", now, "fine")], now))
    any_database.write(lambda tx: take_events(tx, "shop", [event("a", now)], now + HOUR))

    assert waiting == Joined(0, 1, 0)
    assert counted(any_database) == {(names.LABELLED, "7"): 1, (names.WRONG, "7"): 1}


def test_a_label_that_comes_again_counts_once(any_database: Database, now: datetime) -> None:
    both = [label("a", now), label("a", now, "fine"), label("b", now)]
    any_database.write(lambda tx: take_events(tx, "shop", [event("a", now)], now))

    first = any_database.write(lambda tx: take_labels(tx, "shop", both, now))
    again = any_database.write(lambda tx: take_labels(tx, "shop", both, now))

    assert (first, again) == (Joined(1, 1, 1), Joined(0, 0, 3))
    assert counted(any_database)[names.REPEATED, ""] == 4
    assert counted(any_database)[names.LABELLED, "7"] == 1


def test_an_event_without_a_prediction_can_be_neither_right_nor_wrong(database: Database, now: datetime) -> None:
    database.write(lambda tx: take_events(tx, "shop", [event("a", now, None)], now))

    database.write(lambda tx: take_labels(tx, "shop", [label("a", now)], now))

    assert counted(database) == {}


def test_the_error_of_numbers_is_summed(database: Database, now: datetime) -> None:
    database.write(lambda tx: take_events(tx, "shop", [event("a", now, 10.0), event("b", now, 3.0)], now))

    database.write(lambda tx: take_labels(tx, "shop", [label("a", now, 12.5), label("b", now, 3.0)], now))

    assert counted(database)[names.ERROR, "7"] == 2.5
    assert counted(database)[names.WRONG, "7"] == 1


@pytest.mark.parametrize(
    ("prediction", "said", "wrong"),
    [("a", "a", False), ("a", "b", True), (1.0, "1", False), ("0", 0.0, False), (1.0, 0.0, True), (1.5, "1.5", False)],
)
def test_a_class_may_be_a_number_or_its_text(prediction: Any, said: Any, wrong: bool) -> None:
    assert is_wrong(prediction, said) is wrong


def test_what_is_old_is_forgotten_and_labels_that_waited_in_vain_are_counted(
    any_database: Database, now: datetime
) -> None:
    any_database.write(lambda tx: take_events(tx, "shop", [event("a", now)], now))
    any_database.write(lambda tx: take_events(tx, "shop", [event("b", now)], now + HOUR))
    any_database.write(lambda tx: take_labels(tx, "shop", [label("x", now), label("a", now)], now))
    any_database.write(lambda tx: take_labels(tx, "shop", [label("y", now)], now + HOUR))

    edge = now + timedelta(minutes=30)
    gone = any_database.write(
        lambda tx: forget_events(tx, "shop", events_before=edge, labels_before=edge, now=now + HOUR)
    )

    assert gone == 1
    assert counted(any_database)[names.UNMATCHED, ""] == 1
    with any_database.read() as tx:
        assert (count_events(tx, "shop"), labelled_after(tx, "shop", 0, 10)) == (1, [])
    assert any_database.write(lambda tx: take_events(tx, "shop", [event("y", now)], now)) == {key_of("y")}
    assert counted(any_database)[names.LABELLED, "7"] == 2, "y waited and was found"


def test_a_slice_at_a_time_is_forgotten(database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_events, "DELETED", 2)
    database.write(lambda tx: take_events(tx, "shop", [event(str(n), now) for n in range(5)], now))

    gone = [
        database.write(
            lambda tx: forget_events(tx, "shop", events_before=now + HOUR, labels_before=now + HOUR, now=now)
        )
        for _ in range(4)
    ]

    assert gone == [2, 2, 1, 0]


ORDER = st.lists(st.tuples(st.sampled_from("el"), st.integers(0, 4)), max_size=25)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(ORDER, st.integers(1, 5))
def test_in_whatever_order_they_come_every_pair_is_counted_once(
    database: Database, order: list[tuple[str, int]], size: int
) -> None:
    now = datetime.fromisoformat("2026-01-05T12:00:00+00:00")
    service = f"s{hash((tuple(order), size))}"
    for start in range(0, len(order), size):
        some = order[start : start + size]
        events = [event(str(n), now) for kind, n in some if kind == "e"]
        labels = [label(str(n), now) for kind, n in some if kind == "l"]
        database.write(lambda tx, events=events: take_events(tx, service, events, now))  # type: ignore[misc]
        database.write(lambda tx, labels=labels: take_labels(tx, service, labels, now))  # type: ignore[misc]

    both = {n for kind, n in order if kind == "e"} & {n for kind, n in order if kind == "l"}
    assert counted(database, service).get((names.LABELLED, "7"), 0) == len(both)
