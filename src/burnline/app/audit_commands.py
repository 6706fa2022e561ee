"""What `burnline audit` does."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from burnline.app.audit import Flaw, Head, flaws, head_of
from burnline.app.commands import complain, fetch, show, table
from burnline.errors import BurnlineError
from burnline.settings import read_settings
from burnline.store.chains import Chain, chains
from burnline.store.database import reading


def verify(database: str, server: str, head_file: Path | None) -> int:
    """Print every record with its head, then what is wrong; returns the exit code."""
    kept = _read_head(head_file) if head_file else None
    now = datetime.now(UTC)
    if server:
        if kept is not None:
            raise BurnlineError("--head needs the database itself: a server could answer what it likes")
        head = _asked(server)
        wrong = [Flaw(link.incident, link.broken) for link in head.records if link.broken]
    else:
        found = _read(database)
        head, wrong = head_of(found, now), list(flaws(found, kept, now))
    _print(head, wrong)
    return 1 if wrong else 0


def _print(head: Head, wrong: Sequence[Flaw]) -> None:
    bad = {flaw.incident for flaw in wrong}
    rows = [
        (link.incident, link.kind, link.service, link.entries, "BROKEN" if link.incident in bad else "holds", link.head)
        for link in head.records
    ]
    show(table(("record", "kind", "service", "entries", "chain", "head"), rows) if rows else "there is no record yet")
    for flaw in wrong:
        complain(f"record {flaw.incident}: {flaw.text}")
    show(f"head over {len(rows)} records: {head.head}")


def write_head(database: str, server: str, out: Path | None) -> None:
    """Print the head, or write it into a file to be kept elsewhere, for `verify --head`."""
    head = _asked(server) if server else head_of(_read(database), datetime.now(UTC))
    text = json.dumps(head.model_dump(mode="json"), indent=1) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def _read(database: str) -> list[Chain]:
    with reading(database or read_settings().database) as tx:
        return list(chains(tx))


def _asked(server: str) -> Head:
    try:
        return Head.model_validate(fetch(server, "/v1/audit"))
    except ValidationError as error:
        raise BurnlineError(f"{server} answered no head: {_first(error)}") from error


def _read_head(file: Path) -> Head:
    try:
        return Head.model_validate_json(file.read_bytes())
    except OSError as error:
        raise BurnlineError(
            f"--head {file} cannot be read: {error.strerror}; `burnline audit head -o` writes one"
        ) from error
    except ValidationError as error:
        raise BurnlineError(f"{file} is no head as `burnline audit head -o` writes it: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'its start'}: {first['msg']}"
