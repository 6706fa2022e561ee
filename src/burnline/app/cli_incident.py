"""`burnline incident`: thin, as cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

incident_app = typer.Typer(help="Incidents: export.", no_args_is_help=True, rich_markup_mode=None)


@incident_app.callback()
def incident() -> None:
    """Keep `export` a verb of its own."""


@incident_app.command("export")
def export(
    incident_id: Annotated[int, typer.Argument(metavar="INCIDENT", help="The incident's number.")],
    form: Annotated[str, typer.Option("--format", help="md, html or json.")] = "md",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write instead of stdout.")] = None,
    services: Annotated[Path | None, typer.Option(help="A service file or folder [BURNLINE_SERVICES].")] = None,
    database: Annotated[str, typer.Option(help="The database [BURNLINE_DATABASE].")] = "",
    server: Annotated[str, typer.Option("--server", help="Ask a running burnline instead.")] = "",
) -> None:
    """Write what is on record of an incident as the draft of a post-mortem."""
    from burnline.app.incident_export import export_incident

    export_incident(incident_id, database=database, server=server, services=services, form=form, out=out)
