"""`burnline audit` and `burnline incident export` as people type them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, text, update
from typer.testing import CliRunner

from burnline.app.cli import app
from burnline.errors import BurnlineError, StoreError
from burnline.store import incidents, timeline
from burnline.store.database import Database
from burnline.store.schema import timeline as rows

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
RUNNER = CliRunner()


@pytest.fixture
def url(database: Database, tmp_path: Path) -> str:
    """A database with one incident of two entries."""
    incident = database.write(lambda tx: incidents.start_incident(tx, service="fraud", title="it burns", now=NOW))

    def say(tx: Connection, said: str) -> int:
        return timeline.append(tx, incident_id=incident.id, at=NOW, source="alerting", type="episode_opened", text=said)

    for said in ("a", "b"):
        database.write(partial(say, said=said))
    return f"sqlite:///{tmp_path}/burnline.db"


def run(*words: str) -> tuple[int, str]:
    done = RUNNER.invoke(app, [*words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_a_record_that_holds_is_printed_with_its_head(url: str) -> None:
    code, said = run("audit", "verify", "--database", url)

    assert (code, "holds" in said, "head over 1 records: " in said) == (0, True, True)


def test_the_first_broken_entry_is_named_and_the_exit_code_says_so(url: str, database: Database) -> None:
    database.write(lambda tx: tx.execute(update(rows).where(rows.c.id == 1).values(text="nothing")))

    code, said = run("audit", "verify", "--database", url)

    assert (code, "BROKEN" in said, "record 1: entry 1 (" in said) == (1, True, True)


def test_what_was_cut_off_is_found_by_a_head_that_was_kept(url: str, database: Database, tmp_path: Path) -> None:
    kept = str(tmp_path / "head.json")
    run("audit", "head", "--database", url, "-o", kept)
    database.write(lambda tx: tx.execute(delete(rows).where(rows.c.id == 2)))

    code, said = run("audit", "verify", "--database", url, "--head", kept)

    assert (code, "record 1: lost 1 of its 2 entries" in said) == (1, True)


def test_the_head_that_is_printed_is_the_one_that_verify_prints(url: str) -> None:
    _, printed = run("audit", "head", "--database", url)
    _, said = run("audit", "verify", "--database", url)

    assert json.loads(printed)["head"] in said


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"at": 1, "head": 2, "records": 3}'])
def test_a_file_that_is_no_head_is_refused_by_name(url: str, tmp_path: Path, content: str) -> None:
    (tmp_path / "head.json").write_text(content)

    with pytest.raises(BurnlineError, match=r"head\.json is no head"):
        run("audit", "verify", "--database", url, "--head", str(tmp_path / "head.json"))


def test_a_head_that_is_not_there_is_refused_by_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(BurnlineError, match=r"--head .*none\.json cannot be read: No such file or directory"):
        run("audit", "verify", "--database", url, "--head", str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    "change", ["data = '{'", "at = 'zz'", "at = 9e300", "type = x'ff'", "text = CAST(x'ff' AS TEXT)"]
)
def test_an_entry_that_cannot_be_read_is_named_as_broken(url: str, database: Database, change: str) -> None:
    database.write(lambda tx: tx.execute(text(f"UPDATE timeline SET {change} WHERE id = 2")))

    code, said = run("audit", "verify", "--database", url)

    assert (code, "BROKEN" in said, "record 1: entry 2 " in said) == (1, True, True)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such file"):
        run("audit", "verify", "--database", f"sqlite:///{tmp_path}/none.db")

    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_an_incident_is_written_in_each_form(url: str, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"incident.{form}"

    where = ("--database", url, "--services", str(tmp_path / "none"))
    code, _ = run("incident", "export", "1", *where, "--format", form, "-o", str(out))

    assert (code, "it burns" in out.read_text()) == (0, True)


def test_a_form_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BurnlineError, match="'pdf' is none; write md, html or json"):
        run("incident", "export", "1", "--database", url, "--format", "pdf")
