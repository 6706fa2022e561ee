"""`burnline job`: thin, as cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def job(
    command: Annotated[list[str], typer.Argument(help="What to run, after --.")],
    service: Annotated[str, typer.Option(help="The service that the job feeds [BURNLINE_SERVICE].")] = "",
    name: Annotated[
        str, typer.Option("--job", help="The job; unless given, the command's own name: of python train.py, python.")
    ] = "",
    run: Annotated[str, typer.Option(help="An id of this run; by default a new one.")] = "",
    gpus: Annotated[float | None, typer.Option(help="GPUs that it uses all the time.")] = None,
    record: Annotated[Path | None, typer.Option(help="JSON that it writes: commit, data, environment, seeds.")] = None,
    server: Annotated[str, typer.Option(envvar="BURNLINE_URL", help="A running burnline.")] = "",
) -> None:
    """Run a command as a job, and tell burnline how it went; the exit code is the command's.

    A burnline that hangs or is not there delays the command by 2 s at most, and its end by 6 s.
    """
    from burnline.app.job_command import default_service, run_command
    from burnline.client.job import JobRun

    this = JobRun(service or default_service(), name or Path(command[0]).name, run, url=server)
    raise typer.Exit(run_command(this, command, gpus=gpus, record=record))
