"""`burnline silence`: thin, as cli.py."""

from __future__ import annotations

from typing import Annotated

import typer

silence_app = typer.Typer(
    help="Keep alerts from people and runbooks for a while: add, list, expire.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Server = Annotated[str, typer.Option(envvar="BURNLINE_URL", help="A running burnline.")]
DEFAULT_SERVER = "http://127.0.0.1:8600"


@silence_app.command("add")
def add(
    matchers: Annotated[
        list[str], typer.Argument(help="As in service=card-fraud or alertname=~Slo.*; all must match.")
    ],
    comment: Annotated[str, typer.Option(help="Why.")],
    actor: Annotated[str, typer.Option("--as", help="Who says so.")],
    lasts: Annotated[str, typer.Option("--for", help="How long, as in 30m.")] = "1h",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Silence alerts; prints the id of the silence."""
    from burnline.app.silences import add_silence

    add_silence(server, matchers, lasts=lasts, actor=actor, comment=comment)


@silence_app.command("list")
def list_(
    server: Server = DEFAULT_SERVER,
    expired: Annotated[bool, typer.Option("--expired", help="Also those that have ended.")] = False,
) -> None:
    """The silences in force."""
    from burnline.app.silences import list_silences

    list_silences(server, expired=expired)


@silence_app.command("expire")
def expire(silence: str, server: Server = DEFAULT_SERVER) -> None:
    """End a silence now."""
    from burnline.app.silences import expire_silence

    expire_silence(server, silence)
