"""`burnline audit`: thin, as cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

audit_app = typer.Typer(
    help="Whether anybody changed the record: verify, head.", no_args_is_help=True, rich_markup_mode=None
)
Url = Annotated[str, typer.Option("--database", help="The database [BURNLINE_DATABASE].")]
Server = Annotated[str, typer.Option("--server", help="Ask a running burnline instead.")]


@audit_app.command("verify")
def verify(
    database: Url = "",
    server: Server = "",
    head: Annotated[Path | None, typer.Option("--head", help="A head that was kept; what went since is found.")] = None,
) -> None:
    """Walk every record and name the first broken entry of each; exit code 1 when there is one."""
    from burnline.app.audit_commands import verify as walk

    raise typer.Exit(walk(database, server, head))


@audit_app.command("head")
def head(
    database: Url = "",
    server: Server = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The file to write instead of stdout.")] = None,
) -> None:
    """Print the head over all records, to be kept somewhere else."""
    from burnline.app.audit_commands import write_head

    write_head(database, server, out)
