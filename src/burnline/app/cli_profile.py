"""`burnline profile`: thin, as cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def profile(
    table: Annotated[
        str, typer.Argument(help="CSV (.gz is unpacked) or Parquet, a row per event; with --database a query.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The reference file to write.")],
    name: Annotated[str, typer.Option(help="The model's name.")] = "",
    prediction: Annotated[str, typer.Option(help="The column with the model's answer.")] = "",
    confidence: Annotated[str, typer.Option(help="The column with the model's confidence.")] = "",
    label: Annotated[str, typer.Option(help="The column with the truth, where it is known.")] = "",
    session: Annotated[str, typer.Option(help="The column that names a user or visit whose rows are alike.")] = "",
    embedding: Annotated[str, typer.Option(help="The column with a list of numbers.")] = "",
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="A column to leave out; again for more.")] = None,
    slots: Annotated[str, typer.Option(help="Tell hours apart: hour-of-day or hour-of-week, in UTC.")] = "",
    time: Annotated[str, typer.Option(help="The column with the event's time, for --slots.")] = "",
    database: Annotated[str, typer.Option(help="A database by its SQLAlchemy URL.")] = "",
    rows: Annotated[
        int, typer.Option(help="Rows to keep as they are, for the engines evidently and alibi.", min=0, max=20_000)
    ] = 0,
) -> None:
    """Describe a model's training data, for signals to compare with."""
    from burnline.app.profile import hours, write_profile
    from burnline.detectors.profiling.build import Roles

    kind = hours(slots, time)
    roles = Roles(prediction, confidence, label, session, embedding, tuple(ignore or ()), time, kind)
    write_profile(table, out, roles, name=name, database=database, rows=rows)
