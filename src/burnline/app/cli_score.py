"""`burnline score`: thin, as cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from burnline.app.cli_grounding import score_grounding

score_app = typer.Typer(
    help="Judge a table by what a service's signals look at: drift, quality, confidence, skew; answers: grounding.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TableFile = Annotated[str, typer.Argument(help="CSV (- is standard input) or Parquet; with --database a query.")]
ReferenceFile = Annotated[Path, typer.Option("--reference", "-r", help="What `burnline profile` wrote.")]
Rows = Annotated[int | None, typer.Option("--window", min=1, help="Rows a window; without it the table is one window.")]
Features = Annotated[list[str] | None, typer.Option("--feature", help="Only this feature; may be given again.")]
Prediction = Annotated[str, typer.Option(help="The column with the model's answer, where it is not the reference's.")]
Confidence = Annotated[str, typer.Option(help="The column with the model's confidence, likewise.")]
Ignored = Annotated[list[str] | None, typer.Option("--ignore", help="A column that is no feature; may be given again.")]
Database = Annotated[str, typer.Option(help="A database by its SQLAlchemy URL.")]
Least = Annotated[int | None, typer.Option("--min-events", min=1, help="Rows below which nothing is said.")]
Threshold = Annotated[float | None, typer.Option(min=0, max=1, help="The score above which a window is in alarm.")]
Drawn = Annotated[Path | None, typer.Option("--html", help="Also draw it, as one HTML page.")]
Failing = Annotated[bool, typer.Option("--fail-on-alarm", help="Exit code 3 when a window is in alarm.")]


@score_app.command()
def drift(
    table: TableFile,
    reference: ReferenceFile,
    window: Rows = None,
    feature: Features = None,
    prediction: Prediction = "",
    ignore: Ignored = None,
    database: Database = "",
    min_events: Least = None,
    threshold: Threshold = None,
    fail_on_alarm: Failing = False,
    html: Drawn = None,
) -> None:
    """How far each feature is from the reference beyond chance, window by window; JSON lines."""
    options = {"min_events": min_events, "threshold": threshold}
    columns = {"prediction": prediction}
    _score("drift", table, reference, window, feature, columns, ignore, database, options, fail_on_alarm, html)


@score_app.command()
def quality(
    table: TableFile,
    reference: ReferenceFile,
    window: Rows = None,
    feature: Features = None,
    ignore: Ignored = None,
    database: Database = "",
    min_events: Least = None,
    max_null: Annotated[float | None, typer.Option(min=0, max=1, help="The share that may be missing.")] = None,
    fail_on_alarm: Failing = False,
    html: Drawn = None,
) -> None:
    """Missing values, wrong types and values out of range of each feature, window by window; JSON lines."""
    options = {"min_events": min_events, "max_null": max_null}
    _score("quality", table, reference, window, feature, {}, ignore, database, options, fail_on_alarm, html)


@score_app.command()
def skew(
    table: TableFile,
    reference: ReferenceFile,
    window: Rows = None,
    feature: Features = None,
    prediction: Prediction = "",
    ignore: Ignored = None,
    database: Database = "",
    min_events: Least = None,
    threshold: Threshold = None,
    fail_on_alarm: Failing = False,
    html: Drawn = None,
) -> None:
    """How far what is served is from the training data, from the first row on, window by window; JSON lines."""
    options = {"min_events": min_events, "threshold": threshold}
    columns = {"prediction": prediction}
    _score("skew", table, reference, window, feature, columns, ignore, database, options, fail_on_alarm, html)


@score_app.command()
def confidence(
    table: TableFile,
    reference: ReferenceFile,
    window: Rows = None,
    confidence: Confidence = "",
    database: Database = "",
    min_events: Least = None,
    threshold: Threshold = None,
    fail_on_alarm: Failing = False,
    html: Drawn = None,
) -> None:
    """How much more often the model is unsure than on the reference, window by window; JSON lines."""
    options = {"min_events": min_events, "threshold": threshold}
    columns = {"confidence": confidence}
    _score("confidence", table, reference, window, None, columns, None, database, options, fail_on_alarm, html)


score_app.command("grounding")(score_grounding)


def _score(
    signal: str,
    place: str,
    reference: Path,
    window: int | None,
    features: list[str] | None,
    columns: dict[str, str],
    ignore: list[str] | None,
    database: str,
    options: dict[str, Any],
    fail_on_alarm: bool,
    html: Path | None,
) -> None:
    from burnline.app.score import Asked, run_score

    given = {name: value for name, value in options.items() if value is not None}
    asked = Asked(signal, window, tuple(features or ()), columns, tuple(ignore or ()), given)
    alarm = run_score(asked, place, reference, database, html)
    raise typer.Exit(3 if alarm and fail_on_alarm else 0)
