"""How many silences there may be at a time: each is held against every alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.alerting.matchers import Matcher
from burnline.alerting.silences import MAX_SILENCES, Silence, expire_silence, set_silence
from burnline.errors import DecisionRefused
from burnline.store.database import Database

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def silence(service: str = "fraud", *, known_as: str = "") -> Silence:
    matchers = (Matcher("service", service, False, True),)
    return Silence(known_as, matchers, NOW, NOW + HOUR, NOW, "ines", "database move")


@pytest.fixture
def full(database: Database) -> tuple[Database, str]:
    """As many silences as there may be, and the id of one."""
    ids = database.write(lambda tx: [set_silence(tx, silence(), NOW) for _ in range(MAX_SILENCES)])
    return database, ids[7]


def test_one_silence_too_many_is_refused_in_words(full: tuple[Database, str]) -> None:
    database, _ = full

    with pytest.raises(DecisionRefused, match="500 silences are in force or to come already: end one"):
        database.write(lambda tx: set_silence(tx, silence(), NOW))


def test_one_that_is_there_may_be_changed_or_replaced_all_the_same(full: tuple[Database, str]) -> None:
    database, known_as = full

    kept = database.write(lambda tx: set_silence(tx, silence(known_as=known_as), NOW))
    other = database.write(lambda tx: set_silence(tx, silence("search", known_as=known_as), NOW))

    assert (kept, other != known_as) == (known_as, True)


def test_one_that_was_ended_makes_room(full: tuple[Database, str]) -> None:
    database, known_as = full

    database.write(lambda tx: expire_silence(tx, known_as, NOW))

    assert database.write(lambda tx: set_silence(tx, silence(), NOW))
