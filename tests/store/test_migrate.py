"""Migrations lead to exactly the schema the code knows."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from sqlite3 import connect

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, insert, inspect, make_url, text

from burnline.errors import StoreError
from burnline.store import guards
from burnline.store.database import Database, _engine, open_database
from burnline.store.migrate import REVISIONS, migration_config
from burnline.store.schema import EPOCH, incident, metadata
from tests import paid_once

pytestmark = pytest.mark.usefixtures("step_by_step")


def test_the_migrated_schema_is_the_one_in_the_code(any_database: Database) -> None:
    with any_database.read() as tx:
        difference = compare_metadata(MigrationContext.configure(tx), metadata)

    assert difference == [], "run scripts/migration 'What changed.' and commit what it wrote"


def test_migrating_makes_what_the_code_would_make(any_url: str) -> None:
    """Down to defaults, constraints and the conditions of partial indices, which Alembic's comparison leaves out."""
    open_database(any_url).close()
    engine = create_engine(any_url)
    migrated = description(engine)

    metadata.drop_all(engine)
    metadata.create_all(engine)

    assert migrated == description(engine)
    engine.dispose()


def test_a_database_that_a_test_gets_at_once_holds_what_the_migrations_make(migrated: Path, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/burnline.db")
    paid_once.migrate_once(engine)
    engine.dispose()

    with closing(connect(migrated)) as made, closing(connect(tmp_path / "burnline.db")) as given:
        assert list(given.iterdump()) == list(made.iterdump())


def description(engine: Engine) -> dict[str, list[str]]:
    inspector = inspect(engine)
    read = (
        inspector.get_columns,
        inspector.get_unique_constraints,
        inspector.get_indexes,
        inspector.get_foreign_keys,
    )
    tables = sorted(set(inspector.get_table_names()) - {"alembic_version"})
    return {table: sorted(json.dumps(item, default=str) for part in read for item in part(table)) for table in tables}


def test_the_partial_unique_indices_hold_on_every_database(any_database: Database) -> None:
    def open_incident(tx: Connection, state: str) -> None:
        tx.execute(insert(incident).values(service="card-fraud", title="t", state=state, opened_at=EPOCH))

    any_database.write(lambda tx: open_incident(tx, "closed"))
    any_database.write(lambda tx: open_incident(tx, "closed"))
    any_database.write(lambda tx: open_incident(tx, "open"))

    with pytest.raises(StoreError, match=r"(?i)unique"):
        any_database.write(lambda tx: open_incident(tx, "open"))


def test_migrating_again_changes_nothing(any_url: str) -> None:
    open_database(any_url).close()

    open_database(any_url).close()


def test_processes_that_start_at_once_migrate_one_after_the_other(any_url: str) -> None:
    patient = timedelta(minutes=1)  # on a machine that is busy four of them take longer than a start should wait
    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(lambda _n: open_database(any_url, busy_timeout=patient), range(4)))

    for db in opened:
        db.close()


def test_of_those_that_make_a_file_at_once_none_is_refused(tmp_path: Path) -> None:
    """SQLite refuses about one in a hundred the change to WAL then, at once and whatever its timeout."""
    at_once = threading.Barrier(6)

    def connect(url: str) -> None:
        engine = _engine(make_url(url), timedelta(minutes=1))
        at_once.wait()
        engine.connect().close()
        engine.dispose()

    with ThreadPoolExecutor(6) as threads:
        for number in range(100):
            list(threads.map(connect, [f"sqlite:///{tmp_path}/{number}.db"] * 6))


def test_a_switch_that_was_turned_before_turns_were_kept_stays_as_it_is(any_url: str) -> None:
    engine = create_engine(any_url)
    with engine.begin() as connection:
        upgrade(migration_config(connection), "0006")
        connection.execute(text("INSERT INTO switch (name, value, actor, at) VALUES ('actions', 'off', 'ines', 0)"))
    engine.dispose()

    db = open_database(any_url)
    with db.read() as tx:
        before = guards.get_switch(tx, "actions"), guards.newest_turns(tx, "actions", 9)
    db.write(lambda tx: guards.set_switch(tx, "actions", "on", actor="tor", now=EPOCH))
    with db.read() as tx:
        [turn] = guards.newest_turns(tx, "actions", 9)
    db.close()

    assert before == (guards.Switched("off", "ines", EPOCH), [])
    assert (turn.before, turn.value, turn.actor) == ("off", "on", "tor")


def test_a_schema_of_a_newer_burnline_is_refused(any_url: str) -> None:
    db = open_database(any_url)
    db.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999'")).close())
    db.close()

    with pytest.raises(StoreError, match="9999, written by a newer burnline; start that version") as caught:
        open_database(any_url)

    assert not caught.value.retryable


def test_a_migration_that_fails_leaves_nothing_behind(any_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_at_the_end(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise StoreError("power cut", retryable=False)

    monkeypatch.setattr("alembic.command.upgrade", fail_at_the_end)
    with pytest.raises(StoreError, match="power cut"):
        open_database(any_url)

    engine = create_engine(any_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_revisions_are_numbered_in_one_line() -> None:
    scripts = ScriptDirectory.from_config(migration_config())

    revisions = [script.revision for script in reversed(list(scripts.walk_revisions()))]

    assert revisions == [f"{n:04d}" for n in range(1, len(revisions) + 1)] == REVISIONS


def test_a_database_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/burnline.db"
    open_database(url).close()

    code = f"import sys; from burnline.store.database import open_database; open_database({url!r}).close()"
    ended = subprocess.run([sys.executable, "-c", f"{code}; sys.exit('alembic' in sys.modules)"], check=False)

    assert ended.returncode == 0
