"""`burnline runbook`: look at runbooks, check them, show what one would do, rehearse one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

runbook_app = typer.Typer(help="Runbooks: list, lint, render, plan, test.", no_args_is_help=True, rich_markup_mode=None)
Folder = Annotated[
    Path | None, typer.Option("--runbooks", envvar="BURNLINE_RUNBOOKS", help="A folder of the team's own runbooks.")
]
ServiceFiles = Annotated[Path, typer.Argument(help="A service file, or a folder of them.")]
Params = Annotated[list[str] | None, typer.Option("--param", "-p", help="name=value, for a parameter; repeatable.")]


@runbook_app.command("list")
def list_runbooks(runbooks: Folder = None) -> None:
    """Every runbook there is, and what it is for."""
    from burnline.app.runbooks import show_catalogue

    show_catalogue(runbooks)


@runbook_app.command("lint")
def lint_runbooks(
    services: ServiceFiles,
    runbooks: Folder = None,
    database: Annotated[
        str,
        typer.Option(envvar="BURNLINE_DATABASE", help="Where drills are on record; without it they are not asked for."),
    ] = "",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
) -> None:
    """Whether every alert has a runbook, every runbook an alert, and each was drilled; exit code 1 for an error."""
    from burnline.app.runbooks import lint_all

    raise typer.Exit(lint_all(services, runbooks, database, strict=strict))


@runbook_app.command("render")
def render(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")],
    runbooks: Folder = None,
) -> None:
    """Write each runbook as a Markdown page for people."""
    from burnline.app.runbooks import write_pages

    write_pages(out, runbooks)


@runbook_app.command("plan")
def plan(
    services: ServiceFiles,
    service: Annotated[str, typer.Argument(help="The service it would run for.")],
    runbook: Annotated[str, typer.Argument(help="The runbook.")],
    runbooks: Folder = None,
    param: Params = None,
) -> None:
    """Show what a runbook would change now; nothing is changed. Exit code 1 when it could not."""
    from burnline.app.runbooks import show_plan

    raise typer.Exit(show_plan(services, service, runbook, runbooks, param or []))


@runbook_app.command("test")
def rehearse_one(
    runbook: Annotated[str, typer.Argument(help="The runbook's id, or its file.")],
    runbooks: Folder = None,
    param: Params = None,
    label: Annotated[list[str] | None, typer.Option(help="name=value, a label of the alert; repeatable.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the verdicts.")] = False,
) -> None:
    """Rehearse one runbook on stand-ins: it must recover when it helps, and escalate when it does not."""
    from burnline.app.runbooks import rehearse_runbook

    raise typer.Exit(rehearse_runbook(runbook, runbooks, param or [], label or [], quiet=quiet))
