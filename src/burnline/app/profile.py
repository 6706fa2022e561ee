"""`burnline profile`: training data into a reference."""

from __future__ import annotations

import math
import sys
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from burnline.app.progress import Progress
from burnline.detectors.profile import Category, Column, Number, Reference, save_reference
from burnline.detectors.profiling.build import Roles, profile_table
from burnline.detectors.seasons import HOURS, Kind
from burnline.detectors.tables.open import open_table
from burnline.errors import BurnlineError

FEW_ROWS = 1000
NO_FEATURES = ("prediction", "confidence", "label", "session", "embedding")  # options that say so, and likely names
SINCE, UNTIL = 946_684_800, 4_102_444_800  # of moments in seconds: the years 2000 to 2099
UNITS = (1, 10**3, 10**6, 10**9)  # in which moments are counted: seconds and their parts
MOMENT = 8  # characters of the shortest ISO 8601 day
NOTHING = {"na", "n/a", "#n/a", "null", "none", "nil", "nan", "missing", "unknown", "?", "-", "--", "."}
STEP = 10  # between two bins of row numbers, at least: ages are spread as evenly


def write_profile(place: str, out: Path, roles: Roles, *, name: str = "", database: str = "", rows: int = 0) -> None:
    """Read a table and write its reference; what is doubtful about it goes to stderr.

    Raises: SpecError for a table that cannot be read or used; BurnlineError for one that is `out` itself.
    """
    if source := written_over(out, place, database):
        raise BurnlineError(f"--out {out}: is {source} itself; write the reference to another file")
    table = open_table(place, database=database)
    called = name or ("query" if database else Path(place).stem)
    reference = profile_table(table, roles, name=called, said=Progress(table.name, time.monotonic), rows=rows)
    save_reference(reference, out)
    for doubt in doubts(reference):
        sys.stderr.write(f"warning: {table.name}: {doubt}\n")
    sys.stdout.write(f"{out}: {len(reference.features)} features of {reference.events} rows\n")


def written_over(out: Path, place: str, database: str = "") -> str:
    """What would be lost by writing `out`: `the table` or `the database`; empty where it is neither."""
    source, what = Path(place), "the table"
    if database:
        source, what = _database_file(database), "the database"
    try:
        return what if out.samefile(source) else ""
    except (OSError, ValueError):  # one of them is no file
        return ""


def _database_file(url: str) -> Path:
    """Where a database that is one file, as SQLite's are, would be."""
    try:
        path = make_url(url).database or ""
    except ArgumentError:  # told when it is opened
        path = ""
    return Path(path.removeprefix("file:").partition("?")[0] if path.startswith("file:") else path)


def hours(slots: str, time: str) -> Kind | None:
    """The hours to be told apart, as on the command line. Raises: BurnlineError."""
    if slots and not time:
        raise BurnlineError("--slots needs the column with the event's time: --time COLUMN")
    kinds: dict[str, Kind] = {kind: kind for kind in HOURS}
    if slots and slots not in kinds:
        raise BurnlineError(f"--slots {slots}: write one of {', '.join(kinds)}")
    return kinds[slots] if slots else None


def doubts(reference: Reference) -> list[str]:
    """What a person should know before relying on this reference."""
    found = []
    if reference.events < FEW_ROWS:
        found.append(f"{reference.events} rows are few: only large changes will show; {FEW_ROWS:,} and more are better")
    for name, column in reference.features.items():
        if (role := name.lower()) in NO_FEATURES:
            found.append(f"{name}: taken as a feature; if it holds the {role}, say so: --{role} {name}")
        present = reference.events - column.missing
        if not present:
            found.append(f"{name}: every row is missing; only values that appear will show")
        elif isinstance(column, Category) and (text := _nothing(column)):
            found.append(
                f"{name}: labels, as {text!r} is no number; where it says that nothing is known, leave the cell empty"
            )
        elif isinstance(column, Category) and column.new > present / 2:
            found.append(f"{name}: most values occur once, as those of ids do; --ignore {name} leaves it out")
        elif sum(cell > 0 for cell in column.cells) == 1:
            found.append(f"{name}: always the same value; any other will show as drift")
        elif said := _moving(column):
            found.append(f"{name}: {said}; --ignore {name} leaves it out")
    return found


def _nothing(column: Category) -> str:
    """The one frequent label that is no number, if it is a word for nothing; empty elsewhere."""
    texts = [value for value in column.values if not _is_number(value)]
    others = len(column.values) > 1 or column.other or column.new
    return texts[0] if others and len(texts) == 1 and texts[0].strip().lower() in NOTHING else ""


def _is_number(value: str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _moving(column: Column) -> str:
    """Why a column's values will always be others than these; empty where nothing says so."""
    if isinstance(column, Category):
        moments = column.values and all(map(_is_moment, column.values))
        return "looks like moments, and time always moves on" if moments else ""
    if between := _moments(column):
        return f"looks like moments ({between}), and time always moves on"
    return "looks like row numbers, which always grow" if _are_row_numbers(column) else ""


def _is_moment(value: str) -> bool:
    try:
        return len(value) >= MOMENT and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def _moments(column: Number) -> str:
    """The first and the last day where the numbers are moments of this century."""
    for unit in UNITS:
        low, high = ((edge or 0) / unit for edge in (column.low, column.high))
        if SINCE <= low < high <= UNTIL:
            days = (datetime.fromtimestamp(at, UTC).date() for at in (low, high))
            return " to ".join(day.isoformat() for day in days)
    return ""


def _are_row_numbers(column: Number) -> bool:
    """Whole numbers as far from each other all over: each of them once."""
    if column.low is None or column.high is None or len(column.edges) < 2:
        return False
    ends = [column.low - 1, *column.edges, column.high]
    steps = [after - before for before, after in pairwise(ends)]
    if column.high - column.low + 1 < sum(column.counts):
        return False
    whole = all(math.isfinite(end) and float(end).is_integer() for end in ends)
    return whole and min(steps) >= STEP and max(steps) - min(steps) <= 2
