"""`burnline exporter`: thin, as the other verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def exporter(
    name: Annotated[str, typer.Argument(help="host, gpu, queues or pages.")],
    services: Annotated[Path | None, typer.Argument(help="A service file or folder, for queues and pages.")] = None,
    listen: Annotated[str, typer.Option(help="Where, as 127.0.0.1:8611, or :8611 for every address.")] = "",
    web_config: Annotated[
        Path | None,
        typer.Option("--web.config.file", envvar="BURNLINE_WEB_CONFIG", help="TLS and passwords."),
    ] = None,
) -> None:
    """Serve one kind of collector alone, as an exporter for Prometheus, until stopped."""
    from burnline.app.exporter import run_exporter

    run_exporter(name, services, listen, web_config)
