"""`burnline profile`: training data into a reference."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from burnline.app.progress import Progress
from burnline.detectors.profile import Category, Reference, save_reference
from burnline.detectors.profiling.build import Roles, profile_table
from burnline.detectors.seasons import HOURS, Kind
from burnline.detectors.tables.open import open_table
from burnline.errors import BurnlineError

FEW_ROWS = 1000
NO_FEATURES = ("prediction", "confidence", "label", "session", "embedding")  # options that say so, and likely names


def write_profile(place: str, out: Path, roles: Roles, *, name: str = "", database: str = "", rows: int = 0) -> None:
    """Read a table and write its reference; what is doubtful about it goes to stderr.

    Raises: SpecError for a table that cannot be read or used; BurnlineError for one that is `out` itself.
    """
    if not database and out.is_file() and Path(place).is_file() and out.samefile(place):
        raise BurnlineError(f"--out {out}: is the table itself; write the reference to another file")
    table = open_table(place, database=database)
    called = name or ("query" if database else Path(place).stem)
    reference = profile_table(table, roles, name=called, said=Progress(table.name, time.monotonic), rows=rows)
    save_reference(reference, out)
    for doubt in doubts(reference):
        sys.stderr.write(f"warning: {table.name}: {doubt}\n")
    sys.stdout.write(f"{out}: {len(reference.features)} features of {reference.events} rows\n")


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
        elif isinstance(column, Category) and column.new > present / 2:
            found.append(f"{name}: most values occur once, as those of ids do; --ignore {name} leaves it out")
        elif sum(cell > 0 for cell in column.cells) == 1:
            found.append(f"{name}: always the same value; any other will show as drift")
    return found
