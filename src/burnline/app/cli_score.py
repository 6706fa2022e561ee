"""`burnline score`: thin, as cli.py. Its verbs take their options from one list."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from burnline.app.cli_grounding import score_grounding
from burnline.app.score.verbs import VERBS, Verb

score_app = typer.Typer(
    help="Judge a table by what a service's signals look at; answers: grounding.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _share(says: str) -> Any:
    return Annotated[float | None, typer.Option(min=0, max=1, help=says)]


Table = Annotated[str, typer.Argument(help="CSV (- is standard input) or Parquet; with --database a query.")]
Reference = typer.Option("--reference", "-r", help="What `burnline profile` wrote.")
NEEDED, OPTIONAL = Annotated[Path, Reference], Annotated[Path | None, Reference]
ALL: dict[str, Any] = {
    "window": Annotated[int | None, typer.Option(min=1, help="Rows a window; without it the table is one window.")],
    "min_events": Annotated[int | None, typer.Option(min=1, help="Rows below which nothing is said.")],
    "database": Annotated[str | None, typer.Option(help="A database by its SQLAlchemy URL.")],
    "html": Annotated[Path | None, typer.Option(help="Also draw it, as one HTML page.")],
    "fail_on_alarm": Annotated[bool, typer.Option("--fail-on-alarm", help="Exit code 3 when a window is in alarm.")],
}
OF_FEATURES: dict[str, Any] = {
    "feature": Annotated[list[str] | None, typer.Option(help="Only this feature; may be given again.")],
    "ignore": Annotated[list[str] | None, typer.Option(help="A column that is no feature; may be given again.")],
}
COLUMNS: dict[str, Any] = {
    role: Annotated[str | None, typer.Option(help=f"The column with {what}, where the reference does not say it.")]
    for role, what in {
        "prediction": "the model's answer",
        "confidence": "the model's confidence",
        "label": "the truth",
        "embedding": "a list of numbers",
        "time": "the row's time, where the reference tells hours apart; likewise it is found",
    }.items()
}
COLUMNS["time"] = Annotated[
    str | None, typer.Option(help="The column with the row's time, to compare with the same hours of the reference.")
]
SECTION: dict[str, Any] = {
    "threshold": _share("The score above which a window is in alarm."),
    "engine": Annotated[str | None, typer.Option(help="Who judges: evidently or alibi; burnline where none is named.")],
    "max_null": _share("The share that may be missing."),
    "max_new": _share("The share that may be new values."),
    "expected": _share("How many of the reference's rows count as strange: .01 are the strangest 1 %."),
    "turn": _share("How far the mean may turn."),
}
OF_TRAINING: dict[str, Any] = {
    "training": Annotated[str | None, typer.Option(help="A CSV or Parquet file: the same rows as training has them.")],
    "id": Annotated[str | None, typer.Option(help="The column by which rows of both tables belong together.")],
    "tolerance": Annotated[
        list[str] | None,
        typer.Option(help="What numbers may differ by, as .001 or 0.1%; NAME=.01 for one feature; may be given again."),
    ],
}


def _options(verb: Verb) -> dict[str, Any]:
    own = {name: SECTION[name] for name in verb.options}
    of_features = OF_FEATURES if verb.features else {}
    columns = {role: COLUMNS[role] for role in verb.columns}
    return {**columns, **of_features, **own, **(OF_TRAINING if verb.joins else {}), **ALL}


def _command(name: str, verb: Verb) -> Callable[..., None]:
    """A command with the verb's options, as Typer reads them: from its signature."""
    options = _options(verb)

    def command(table: str, reference: Path | None, **given: Any) -> None:
        from burnline.app.score.run import Places, run_score
        from burnline.app.score.table import Asked

        said = {option: value for option, value in given.items() if value is not None}
        places = Places(table, reference, said.get("training", ""), said.get("database", ""), said.get("html"))
        asked = Asked(
            name,
            said.get("window"),
            tuple(said.get("feature", ())),
            {role: said[role] for role in verb.columns if role in said},
            tuple(said.get("ignore", ())),
            {option: said[option] for option in ("min_events", *verb.options) if option in said},
            said.get("id", ""),
            tuple(said.get("tolerance", ())),
        )
        alarm = run_score(asked, places)
        raise typer.Exit(3 if alarm and said["fail_on_alarm"] else 0)

    kinds = {"table": Table, "reference": OPTIONAL if verb.joins else NEEDED, **options}
    command.__annotations__ = kinds
    command.__signature__ = Signature([_parameter(option, kind) for option, kind in kinds.items()])  # type: ignore[attr-defined]  # read by inspect
    command.__doc__ = f"{verb.says}, window by window; JSON lines."
    return command


def _parameter(option: str, kind: Any) -> Parameter:
    needed = option == "table" or kind is NEEDED
    default = Parameter.empty if needed else False if option == "fail_on_alarm" else None
    return Parameter(option, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)


for _name, _verb in VERBS.items():
    score_app.command(_name)(_command(_name, _verb))
score_app.command("grounding")(score_grounding)
