"""The chain over all records: what was changed, removed in the middle, or cut off at the end."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, delete, text, update

from burnline.app.audit import Anchor, flaws, head_of
from burnline.store import incidents, timeline
from burnline.store.chains import Chain, chains, overall_head
from burnline.store.database import Database
from burnline.store.guards import ACTIONS, set_switch
from burnline.store.schema import incident
from burnline.store.schema import timeline as rows

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def records(database: Database) -> Database:
    """Two incidents, of three entries and of one."""

    def write(tx: Connection) -> None:
        for service, texts in (("fraud", "abc"), ("search", "d")):
            made = incidents.start_incident(tx, service=service, title="it burns", now=NOW)
            for said in texts:
                timeline.append(
                    tx,
                    incident_id=made.id,
                    at=NOW,
                    source="alerting",
                    type="episode_opened",
                    text=said,
                )

    database.write(write)
    return database


def read(db: Database) -> list[Chain]:
    with db.read() as tx:
        return list(chains(tx))


def test_records_that_nobody_touched_hold(records: Database) -> None:
    found = read(records)

    assert [(each.incident_id, len(each.hashes), each.broken) for each in found] == [(1, 3, ""), (2, 1, "")]
    assert list(flaws(found, head_of(found, NOW), NOW)) == []


def test_a_word_that_was_changed_is_found_where_it_stands(records: Database) -> None:
    records.write(lambda tx: tx.execute(update(rows).where(rows.c.id == 2).values(text="nothing happened")))

    [flaw] = flaws(read(records), None, NOW)

    assert (flaw.incident, flaw.text.startswith("entry 2 (2026-01-05 12:00:00 UTC, episode_opened)")) == (1, True)


def test_an_entry_that_was_removed_is_found_at_the_one_after_it(records: Database) -> None:
    records.write(lambda tx: tx.execute(delete(rows).where(rows.c.id == 2)))

    [flaw] = flaws(read(records), None, NOW)

    assert flaw.text.startswith("entry 3 ")


def test_entries_cut_off_at_the_end_are_found_by_a_head_alone(records: Database) -> None:
    kept = head_of(read(records), NOW)
    records.write(lambda tx: tx.execute(delete(rows).where(rows.c.id == 3)))

    found = read(records)

    assert list(flaws(found, None, NOW)) == []
    assert [flaw.text for flaw in flaws(found, kept, NOW)] == ["lost 1 of its 3 entries since the head was kept"]


def test_a_record_that_was_written_anew_is_not_the_one_that_was_kept(records: Database) -> None:
    kept = head_of(read(records), NOW)

    def forge(tx: Connection) -> None:
        tx.execute(delete(rows).where(rows.c.incident_id == 2))
        timeline.append(tx, incident_id=2, at=NOW, source="alerting", type="x", text="another story")

    records.write(forge)

    [flaw] = flaws(read(records), kept, NOW)

    assert (flaw.incident, "another one" in flaw.text) == (2, True)


def test_a_record_that_is_gone_is_missed_until_it_was_old_enough_to_be_deleted(records: Database) -> None:
    records.write(lambda tx: incidents.close_incident(tx, 2, NOW))
    kept = head_of(read(records), NOW)
    records.write(lambda tx: tx.execute(delete(rows).where(rows.c.incident_id == 2)))
    records.write(lambda tx: tx.execute(delete(incident).where(incident.c.id == 2)))

    found = read(records)

    assert [flaw.text for flaw in flaws(found, kept, NOW)] == ["is gone: it had 1 entries when the head was kept"]
    assert list(flaws(found, kept, NOW + timedelta(days=401))) == []


def test_an_incident_without_any_entry_is_broken(records: Database) -> None:
    records.write(lambda tx: tx.execute(delete(rows).where(rows.c.incident_id == 2)))

    [flaw] = flaws(read(records), None, NOW)

    assert (flaw.incident, flaw.text) == (2, "has no entry: all of them were removed")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE timeline SET data = '{' WHERE id = 2", "entry 2 was changed: it cannot be read"),
        ("UPDATE timeline SET data = x'00ff' WHERE id = 2", "entry 2 was changed: it cannot be read"),
        ("UPDATE timeline SET at = 'zz' WHERE id = 2", "entry 2 was changed: it cannot be read"),
        ("UPDATE timeline SET at = 9e300 WHERE id = 2", "entry 2 was changed: it cannot be read"),
        ("UPDATE timeline SET text = CAST(x'ff' AS TEXT) WHERE id = 2", "entry 2 was changed: it cannot be read"),
        ("UPDATE timeline SET text = x'ff' WHERE id = 2", "entry 2 (2026-01-05 12:00:00 UTC, episode_opened)"),
        ("UPDATE timeline SET data = '[1]' WHERE id = 2", "entry 2 (2026-01-05 12:00:00 UTC, episode_opened)"),
        ("UPDATE timeline SET hash = x'ff' WHERE id = 2", "entry 2 (2026-01-05 12:00:00 UTC, episode_opened)"),
        ("UPDATE timeline SET at = 'zz', data = '{' WHERE id IN (2, 3)", "entry 2 was changed: it cannot be read"),
        ("UPDATE incident SET closed_at = '2000-01-01' WHERE id = 1", "its incident was changed: closed_at is '2000-"),
        ("UPDATE incident SET closed_at = 9e18 WHERE id = 1", "its incident was changed: closed_at is "),
        ("UPDATE incident SET opened_at = 'zz', service = x'ff' WHERE id = 1", ""),
        (
            "UPDATE incident SET service = CAST(x'ff' AS TEXT) WHERE id = 1",
            "its incident was changed: it cannot be read",
        ),
        ("UPDATE timeline SET text = 'x', data = '{' WHERE id = 3", "entry 3 was changed: it cannot be read"),
    ],
)
def test_a_row_that_cannot_even_be_read_is_a_broken_record_and_no_error(
    records: Database, change: str, said: str
) -> None:
    records.write(lambda tx: tx.execute(text(change)))

    found = read(records)

    assert found[0].broken.startswith(said)
    assert (len(found[0].hashes), found[1].broken) == (3, "")
    assert head_of(found, NOW).records[0].broken == found[0].broken
    assert Anchor(records).run_once(NOW) == 2


def test_entries_of_an_incident_that_is_no_number_are_found(records: Database) -> None:
    with sqlite3.connect(str(records.url.database)) as somebody:  # without the checks of foreign keys
        somebody.execute("UPDATE timeline SET incident_id = 'x' WHERE id = 4")
    somebody.close()

    found = read(records)

    assert [(each.incident_id, each.broken) for each in found] == [
        (-1, "has entries of an incident 'x': they were changed"),
        (1, ""),
        (2, "has no entry: all of them were removed"),
    ]


def test_entries_of_an_incident_that_was_removed_are_a_broken_record(records: Database) -> None:
    with sqlite3.connect(str(records.url.database)) as somebody:  # without the checks of foreign keys
        somebody.execute("DELETE FROM incident WHERE id = 2")
    somebody.close()

    found = read(records)

    assert [(each.incident_id, each.broken) for each in found] == [(1, ""), (2, "its incident was removed")]


@pytest.fixture
def turned(records: Database) -> Database:
    """The switch was turned three times besides."""
    for value in ("off", "on", "off"):
        records.write(partial(set_switch, name=ACTIONS, value=value, actor="ines", now=NOW, reason="a bad deploy"))
    return records


def test_the_turns_of_the_switch_are_a_record_too(turned: Database) -> None:
    found = read(turned)

    assert [(each.incident_id, each.kind, len(each.hashes), each.broken) for each in found] == [
        (0, "switch", 3, ""),
        (1, "incident", 3, ""),
        (2, "incident", 1, ""),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE switch_change SET reason = 'none' WHERE id = 2", "entry 2 (2026-01-05 12:00:00 UTC, turned on) was"),
        ("UPDATE switch_change SET at = 'zz' WHERE id = 2", "entry 2 was changed: it cannot be read"),
        ("UPDATE switch_change SET actor = CAST(x'ff' AS TEXT) WHERE id = 2", "entry 2 was changed: it cannot be read"),
        ("DELETE FROM switch_change WHERE id = 2", "entry 3 (2026-01-05 12:00:00 UTC, turned off) was"),
        ("DELETE FROM switch_change WHERE id = 3", "the switch was changed: it is 'off', and was last turned on"),
        ("UPDATE switch SET value = 'on'", "the switch was changed: it is 'on', and was last turned off"),
        (
            "UPDATE switch SET value = CAST(x'ff' AS TEXT)",
            "the switch was changed: it is None, and was last turned off",
        ),
        ("DELETE FROM switch", "the switch was changed: it is None, and was last turned off"),
    ],
)
def test_a_turn_that_was_changed_is_found(turned: Database, change: str, said: str) -> None:
    turned.write(lambda tx: tx.execute(text(change)))

    [flaw] = flaws(read(turned), None, NOW)

    assert flaw.incident == 0
    assert flaw.text.startswith(said)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE timeline SET text = 'x' WHERE id = 1", ["", "entry 1 (2026-01-05 12:00:00 UTC, episode_opened) was"]),
        ("UPDATE timeline SET at = 9000000000000000000 WHERE id = 1", ["", "entry 1 was changed: it cannot be read"]),
        (
            "UPDATE timeline SET data = '[1]' WHERE id = 1",
            ["", "entry 1 (2026-01-05 12:00:00 UTC, episode_opened) was"],
        ),
        ("UPDATE incident SET closed_at = 9000000000000000000", ["", "its incident was changed: closed_at is 9000"]),
        ("DELETE FROM timeline", ["", "has no entry"]),
        ("UPDATE switch_change SET reason = 'x'", ["entry 1 (2026-01-05 12:00:00 UTC, turned off) was", ""]),
        ("UPDATE switch SET value = 'on'", ["the switch was changed: it is 'on', and was last turned off", ""]),
    ],
)
def test_what_was_changed_is_found_on_every_database(any_database: Database, change: str, broken: list[str]) -> None:
    made = any_database.write(lambda tx: incidents.start_incident(tx, service="fraud", title="it burns", now=NOW))
    entry = partial(timeline.append, source="alerting", type="episode_opened", text="a")
    any_database.write(partial(entry, incident_id=made.id, at=NOW))
    any_database.write(partial(set_switch, name=ACTIONS, value="off", actor="ines", now=NOW))
    before = [each.broken for each in read(any_database)]

    any_database.write(lambda tx: tx.execute(text(change)))
    after = [each.broken for each in read(any_database)]

    assert before == ["", ""]
    assert [each.startswith(start) for each, start in zip(after, broken, strict=True)] == [True, True]
    assert [bool(each) for each in after] == [bool(each) for each in broken]


def test_a_head_misses_turns_that_were_removed(turned: Database) -> None:
    kept = head_of(read(turned), NOW)
    turned.write(lambda tx: tx.execute(text("DELETE FROM switch_change")))

    [flaw] = flaws(read(turned), kept, NOW + timedelta(days=4000))

    assert (flaw.incident, flaw.text) == (0, "is gone: it had 3 entries when the head was kept")


def test_a_record_that_grew_still_fits_the_head(records: Database) -> None:
    kept = head_of(read(records), NOW)

    records.write(
        lambda tx: timeline.append(tx, incident_id=1, at=NOW, source="person", type="approved", text="yes", actor="ana")
    )

    assert list(flaws(read(records), kept, NOW)) == []


def test_the_head_over_all_changes_with_each_of_them(records: Database) -> None:
    before = overall_head(read(records))

    records.write(lambda tx: timeline.append(tx, incident_id=2, at=NOW, source="alerting", type="x", text="e"))

    assert overall_head(read(records)) != before


def test_the_head_is_logged_with_every_record_that_is_broken(
    records: Database, caplog: pytest.LogCaptureFixture
) -> None:
    records.write(lambda tx: tx.execute(update(rows).where(rows.c.id == 4).values(text="nothing happened")))
    caplog.set_level("INFO", "burnline.app.audit")

    done = Anchor(records).run_once(NOW)

    logged = {each.message: each for each in caplog.records}
    assert done == 2
    assert getattr(logged["audit head"], "head") == overall_head(read(records))  # noqa: B009 - an extra of the record
    assert getattr(logged["record broken"], "record") == 2  # noqa: B009
