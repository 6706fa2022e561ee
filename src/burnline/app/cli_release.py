"""`burnline release`: start, status, promote, abort and list releases of a running burnline."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from burnline.errors import BurnlineError
from burnline.spec.regular import read_regular

app = typer.Typer(
    help="Releases under guard: start, status, promote, abort, list.", no_args_is_help=True, rich_markup_mode=None
)
Server = Annotated[str, typer.Option(envvar="BURNLINE_URL", help="A running burnline.")]
DEFAULT_SERVER = "http://127.0.0.1:8600"
LARGEST_RECORD = 1024 * 1024


@app.command("start")
def start(
    service: str,
    version: str,
    by: Annotated[str, typer.Option("--as", help="Who releases it.")],
    previous: Annotated[str, typer.Option(help="The version to go back to; the one that serves, if not given.")] = "",
    commit: Annotated[str, typer.Option(help="Its git commit.")] = "",
    data: Annotated[str, typer.Option(help="The snapshot of the data it was made from.")] = "",
    environment: Annotated[str, typer.Option(help="The digest of its environment's lock file.")] = "",
    seed: Annotated[list[str] | None, typer.Option(help="A random seed; may be repeated.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of its evaluation; may be repeated.")] = None,
    record: Annotated[Path | None, typer.Option(help="JSON with any of these, as POST /v1/releases takes it.")] = None,
    approved_by: Annotated[str, typer.Option(help="Another person who said yes.")] = "",
    override: Annotated[str, typer.Option(help="Why it goes on although the error budget is frozen.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Begin a release: from now on its guards watch it."""
    written = {
        "service": service,
        "version": version,
        "by": by,
        "previous": previous,
        "commit": commit,
        "data": data,
        "environment": environment,
        "seeds": seed or [],
        "metrics": _metrics(metric or []),
        "approved_by": approved_by,
        "override": override,
    }
    _post(server, "/v1/releases", {**_record(record), **{name: value for name, value in written.items() if value}})


@app.command("status")
def status(
    release: Annotated[str, typer.Argument(help="Its number, or the service whose newest one is meant.")],
    server: Server = DEFAULT_SERVER,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Where a release stands, and what its guards say; exit code 1 once it was taken back or failed."""
    from burnline.app.commands import fetch
    from burnline.app.release_text import show_release

    found = fetch(server, f"/v1/releases/{_number(server, release)}")
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show_release(found)
    raise typer.Exit(1 if found["line"]["state"] in ("aborting", "aborted", "failed") else 0)


@app.command("promote")
def promote(
    release: Annotated[str, typer.Argument(help="Its number, or the service whose newest one is meant.")],
    by: Annotated[str, typer.Option("--as", help="Who promotes it.")],
    reason: Annotated[str, typer.Option(help="Why; needed where a guard is not content.")] = "",
    approved_by: Annotated[str, typer.Option(help="Another person who said yes.")] = "",
    override: Annotated[str, typer.Option(help="Why it goes on although the error budget is frozen.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Give the new version everything now."""
    body = {"by": by, "reason": reason, "approved_by": approved_by, "override": override}
    _post(server, f"/v1/releases/{_number(server, release)}/promote", body)


@app.command("abort")
def abort(
    release: Annotated[str, typer.Argument(help="Its number, or the service whose newest one is meant.")],
    by: Annotated[str, typer.Option("--as", help="Who takes it back.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """Take the new version back."""
    _post(server, f"/v1/releases/{_number(server, release)}/abort", {"by": by, "reason": reason})


@app.command("list")
def list_releases(
    service: Annotated[str, typer.Argument(help="One service; all of them, if not given.")] = "",
    server: Server = DEFAULT_SERVER,
) -> None:
    """The newest releases."""
    from burnline.app.commands import fetch
    from burnline.app.release_text import show_releases

    show_releases(fetch(server, f"/v1/releases{_query(service)}"))


def _post(server: str, path: str, body: dict[str, Any]) -> None:
    from burnline.app.commands import fetch
    from burnline.app.release_text import show_release

    show_release(fetch(server, path, body))


def _number(server: str, release: str) -> int:
    """Raises: BurnlineError when the service has no release."""
    from burnline.app.commands import fetch

    if release.isascii() and release.isdigit():
        return int(release)
    newest = fetch(server, f"/v1/releases{_query(release)}&limit=1")
    if not newest:
        raise BurnlineError(f"{release} has no release on record")
    return int(newest[0]["id"])


def _query(service: str) -> str:
    from urllib.parse import quote

    return f"?service={quote(service, safe='')}" if service else ""


def _metrics(written: list[str]) -> dict[str, float | str]:
    """Raises: BurnlineError for one that is not NAME=VALUE."""
    metrics: dict[str, float | str] = {}
    for each in written:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise BurnlineError(f"--metric {each}: write NAME=VALUE, as in auc=0.91")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        metrics[name] = number if math.isfinite(number) else value
    return metrics


def _record(path: Path | None) -> dict[str, Any]:
    """Raises: BurnlineError for a file that is no JSON mapping."""
    if path is None:
        return {}
    try:
        content = read_regular(path, LARGEST_RECORD)
    except ValueError as error:
        raise BurnlineError(f"{path} {error}") from error
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BurnlineError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BurnlineError(f'{path} holds no mapping; write {{"commit": ..., "metrics": {{...}}}}')
    return found
