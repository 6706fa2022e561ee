"""`burnline score` as the command line asks for it: files opened, lines written, progress told."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from burnline.app.commands import complain
from burnline.app.profile import written_over
from burnline.app.progress import Progress
from burnline.app.score.page import Page
from burnline.app.score.table import Asked, doubts, score_table
from burnline.detectors.engines.catalogue import LIBRARIES
from burnline.detectors.engines.desk import Desk
from burnline.detectors.engines.process import Limits
from burnline.detectors.profile import load_reference
from burnline.detectors.tables.open import open_table
from burnline.errors import BurnlineError
from burnline.settings import read_settings


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is.

    Attributes:
        table: a file, or a query with `database`.
        reference: what `burnline profile` wrote.
        training: a file whose rows are those of training.
        html: where a page is drawn.
    """

    table: str
    reference: Path | None
    training: str = ""
    database: str = ""
    html: Path | None = None


def run_score(asked: Asked, places: Places) -> bool:
    """Score a table, and draw it where a page is asked for; True when a window is in alarm.

    Raises: SpecError for a reference or table that cannot be read; BurnlineError for what was asked wrongly.
    """
    _check(asked, places)
    known = load_reference(places.reference) if places.reference else None
    exact = [asked.id] if asked.id else []
    training = open_table(places.training, exact=exact) if places.training else None
    table = open_table(places.table, database=places.database, exact=exact)
    asked = _with_library(asked)
    for doubt in doubts(asked, known, table):
        complain(f"warning: {table.name}: {doubt}")
    progress = Progress(table.name, time.monotonic)

    def said(rows: int) -> None:
        sys.stdout.flush()  # who reads along gets whole windows
        progress(rows)

    page = Page() if places.html else None
    summary = print_scores(score_table(asked, known, table, said, page, training))
    if places.html and page:
        against = places.reference.name if places.reference else places.training
        places.html.write_text(page.html(table.name, against, summary), "utf-8", errors="replace")
    counted = ", ".join(
        f"{summary[what + 's']:,} {what}{'s' * (summary[what + 's'] != 1)}" for what in ("row", "window")
    )
    sys.stderr.write(f"{table.name}: {counted}, {summary['alarms']:,} of them in alarm\n")
    return bool(summary["alarm"])


def _with_library(asked: Asked) -> Asked:
    """Where another engine judges, it is asked as the settings say, and what is to be known of it is told."""
    library = LIBRARIES.get(asked.options.get("engine", ""))
    if library is None:
        return asked
    if library.note:
        complain(f"note: {library.note}")
    settings = read_settings()
    limits = Limits(settings.engine_memory_mb << 20, settings.engine_seconds)
    return replace(asked, desk=partial(Desk, settings.engine_pythons, limits))


def print_scores(records: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Write each record as a line of JSON; the last one, the summary, is returned."""
    last: Mapping[str, Any] = {}
    for last in records:
        sys.stdout.write(json.dumps(last, allow_nan=False) + "\n")
    return last


def _check(asked: Asked, places: Places) -> None:
    """Raises: BurnlineError for what does not go together."""
    if not places.reference and not places.training:
        ways = "--reference FILE, or --training FILE with --id COLUMN" if asked.verb == "skew" else "--reference FILE"
        raise BurnlineError(f"score {asked.verb}: needs something to compare with: {ways}")
    if bool(places.training) != bool(asked.id):
        raise BurnlineError("--training FILE and --id COLUMN go together: the rows of one id are compared")
    if places.html is None:
        return
    read = {"the table": places.table, "the reference": str(places.reference or ""), "--training": places.training}
    for what, place in read.items():
        if written_over(places.html, place, places.database if what == "the table" else ""):
            raise BurnlineError(f"--html {places.html}: is {what} itself; draw into another file")
