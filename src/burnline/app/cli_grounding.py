"""`burnline score grounding` and `burnline calibrate`: thin, as cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def score_grounding(
    file: Annotated[Path, typer.Argument(help="JSON lines with sources, question and answer; - is standard input.")],
    calibration: Annotated[
        Path | None, typer.Option(help="What `burnline calibrate` wrote: adds a probability and a verdict.")
    ] = None,
    nli: Annotated[
        Path | None, typer.Option(help="A folder with an exported NLI model, which scores beside tier 0.")
    ] = None,
) -> None:
    """How far each answer goes beyond its sources, one JSON line each; exit code 1 if a line was bad."""
    from burnline.app.score_grounding import score_file

    raise typer.Exit(score_file(file, calibration, nli))


def calibrate(
    file: Annotated[Path, typer.Argument(help="JSON lines with sources, question, answer and ungrounded (0 or 1).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The calibration file to write.")],
    fpr: Annotated[float, typer.Option(help="Share of grounded answers that may be flagged.")] = 0.05,
) -> None:
    """Learn from labelled answers what the grounding score means for a service."""
    from burnline.app.calibrate import calibrate_file

    raise typer.Exit(calibrate_file(file, out, fpr))
