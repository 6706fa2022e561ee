"""What the verbs of the command line do."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

from burnline.app.build import write_files
from burnline.detectors.profile import profile_csv, save_reference
from burnline.errors import BurnlineError, SpecError
from burnline.runbooks.lint import lint
from burnline.runbooks.load import load_catalogue
from burnline.settings import read_settings
from burnline.spec.load import load_services
from burnline.spec.schema import json_schema

PIPE_WIDTH = 250
COLORS = {"ok": "green", "at_risk": "yellow", "breached": "red", "unknown": "magenta"}


def check_services(path: Path) -> None:
    """Print that the files are good, or raise SpecError with every problem."""
    specs = load_services(path)
    problems = lint(load_catalogue(read_settings().runbooks), specs)
    if problems:
        raise SpecError(problems)
    slos = sum(len(spec.slos) for spec in specs)
    print(f"good: {len(specs)} service{'s' * (len(specs) != 1)}, {slos} SLO{'s' * (slos != 1)}")


def build_files(path: Path, out: Path, burnline_url: str, token_file: str = "") -> None:
    """Write what Prometheus, Alertmanager and Grafana need, naming each file."""
    for written in write_files(load_services(path), out, burnline_url, token_file):
        print(written)


def print_schema() -> None:
    """Print the JSON Schema of a service file."""
    json.dump(json_schema(), sys.stdout, indent=2)
    print()


def write_profile(table: Path, out: Path, *, name: str, prediction: str, confidence: str) -> None:
    """Read a CSV table and write its reference."""
    reference = profile_csv(
        table, name=name or table.stem, prediction=prediction or None, confidence=confidence or None
    )
    save_reference(reference, out)
    print(f"{out}: {len(reference.features)} features of {reference.events} rows")


def show_status(server: str, *, as_json: bool) -> int:
    """Print every SLO; 0 when all keep their promise, else 1."""
    services = fetch(server, "/v1/services")
    if as_json:
        print(json.dumps(services, indent=2))
    else:
        show(status_table(services))
    healthy = all(slo["state"] in ("ok", "at_risk") for service in services for slo in service["slos"])
    return 0 if healthy else 1


def status_table(services: list[dict[str, Any]]) -> Table:
    """SLOs of all services, the worst service first."""
    table = Table("service", "SLO", "state", "objective", "SLI", "budget left", "burn", "what it means", box=None)
    for service in services:
        for slo in service["slos"]:
            burn = slo["burns"][0]["long_rate"] if slo["burns"] else None
            table.add_row(
                service["name"],
                slo["name"],
                Text(slo["state"], COLORS[slo["state"]]),
                percent(slo["objective"]),
                percent(slo["sli"]),
                percent(slo["budget_remaining"]),
                "-" if burn is None else f"{burn:.3g}x",
                slo["sentence"],
            )
    return table


def show_runs(server: str) -> None:
    """Print the newest runs."""
    table = Table("run", "service", "runbook", "state", "outcome", "began", box=None)
    for run in fetch(server, "/v1/runs"):
        table.add_row(
            str(run["id"]),
            run["service"],
            run["runbook"],
            run["state"],
            run["outcome"] or "-",
            clock(run["created_at"]),
        )
    show(table)


def show_one_run(server: str, run_id: int) -> None:
    """Print a run's steps and what they found."""
    run = fetch(server, f"/v1/runs/{run_id}")
    print(f"run {run['id']}: {run['runbook']} for {run['service']}: {run['outcome'] or run['state']}")
    table = Table("step", "kind", "state", "attempt", "began", "result", box=None)
    for step in run["steps"]:
        table.add_row(
            step["name"],
            step["kind"],
            step["state"],
            str(step["attempt"]),
            clock(step["started_at"]),
            json.dumps(step["result"] or {}),
        )
    show(table)


def decide(server: str, approval_id: int, decision: str, actor: str, reason: str) -> None:
    """Answer an approval, bound to the plan as it stands now."""
    waiting = {approval["id"]: approval for approval in fetch(server, "/v1/approvals")}
    if approval_id not in waiting:
        others = ", ".join(map(str, waiting)) or "none"
        raise BurnlineError(f"approval {approval_id} does not wait for an answer; these do: {others}")
    body = {"decision": decision, "actor": actor, "reason": reason, "plan_hash": waiting[approval_id]["plan_hash"]}
    print(fetch(server, f"/v1/approvals/{approval_id}", body)["state"])


def fetch(server: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask a running burnline; POST when there is a `body`.

    Raises: BurnlineError in words when it cannot be reached or refuses.
    """
    token = read_settings().token
    url = server.rstrip("/") + path
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.request("POST" if body else "GET", url, json=body, headers=headers, timeout=10)
        content = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise BurnlineError(f"no burnline answers at {server}: {error}; start one with `burnline up`") from error
    if answer.is_error:
        raise BurnlineError(f"{url} answered {answer.status_code}: {content.get('error', content)}")
    return content


def show(table: Table) -> None:
    """Print a table; what is in it is data, never markup. Into a file or a pipe, no row is folded."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(markup=False, emoji=False, highlight=False, width=width).print(table)


def percent(value: float | None) -> str:
    """0.999 as 99.9%; a dash when unknown."""
    return "-" if value is None else f"{value * 100:.4g}%"


def clock(written: str) -> str:
    """The time of day of an ISO moment."""
    return f"{datetime.fromisoformat(written):%H:%M:%S}"
