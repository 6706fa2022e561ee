"""`burnline drill`: thin, as the other verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SERVER = "http://127.0.0.1:8600"


def drill(
    service: Annotated[str, typer.Argument(help="The name of the service.")],
    services: Annotated[Path | None, typer.Option(help="A service file or folder [BURNLINE_SERVICES].")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="What goes wrong; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Decides the moment of the fault.")] = 0,
    approve_after: Annotated[str, typer.Option(help="How long people take to say yes.")] = "2m",
    live: Annotated[bool, typer.Option("--live", help="On the drill targets of a running burnline.")] = False,
    server: Annotated[str, typer.Option(envvar="BURNLINE_URL", help="That burnline.")] = DEFAULT_SERVER,
    person: Annotated[str, typer.Option("--as", help="Live: who says yes; empty waits for people.")] = "",
    timeout: Annotated[str, typer.Option(help="Live: how long one run may take.")] = "1h",
    history: Annotated[bool, typer.Option("--history", help="Show the drills so far instead.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Break a service in simulation, and judge everything that follows; exit code 1 when something failed."""
    from burnline.app.drill_command import drill_simulated, show_history

    if history:
        show_history(service, as_text=not json)
        return
    if live:
        from burnline.app.drill_live import drill_live

        code = drill_live(
            service,
            services,
            tuple(scenario or ()),
            server=server,
            person=person,
            timeout=timeout,
            as_text=not json,
        )
        raise typer.Exit(code)
    raise typer.Exit(
        drill_simulated(
            service, services, tuple(scenario or ()), seed=seed, approve_after=approve_after, as_text=not json
        )
    )
