"""What the verbs of the command line do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import httpx
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from burnline.alerting.config_receivers import expected_files
from burnline.app.build import For, Form, write_files
from burnline.app.check_names import doubtful_names, unknown_names
from burnline.app.console import words
from burnline.app.console.words import plan, visible
from burnline.app.proof import short_windows
from burnline.app.services import name_warnings, placed, read_checked, slo_warnings
from burnline.dashboards.links import Places
from burnline.detectors.engines.choose import engine_flaws, engine_notes, rows_flaws
from burnline.detectors.engines.here import missing_libraries
from burnline.detectors.grounding.calibration import load_calibration
from burnline.detectors.profile import load_reference
from burnline.errors import BurnlineError, Problem, SpecError
from burnline.runbooks.lint import lint, warn
from burnline.runbooks.load import Catalogue, load_catalogue
from burnline.runbooks.params import Param, Scalar
from burnline.settings import read_settings
from burnline.slo.compiler.rules import Layout
from burnline.spec.document import Document
from burnline.spec.place import Flaw
from burnline.spec.schema import json_schema
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice, without_login

HEADINGS = ("SLO", "state", "objective", "SLI", "budget left", "burn")
STATES = {"ok": "ok", "at_risk": "at risk", "breached": "breached", "unknown": "unknown"}
RELEASES = {"allowed": "allowed", "approval": "waiting for an approval", "frozen": "frozen"}
PIPE_WIDTH = 250
UNCOVERED = (
    "warning: alerts of a severity other than page, ticket and business, and those of no service and owner of these "
    "files, reach burnline and no people; name somebody with --others"
)
COLORS = {"ok": "green", "at_risk": "yellow", "breached": "red", "unknown": "magenta"}


def check_services(path: Path) -> None:
    """Print that the files are good, with warnings on stderr, or raise SpecError with every problem."""
    read = read_checked(path)
    specs = [spec for spec, _ in read]
    settings = read_settings()
    catalogue = load_catalogue(settings.runbooks)
    problems = [
        problem
        for spec, document in read
        for problem in (
            *_reference(spec, document),
            *_calibration(spec, document),
            *_lint(catalogue, spec, document),
            *placed(unknown_names(spec), document),
            *placed(engine_flaws(spec), document),
        )
    ]
    if problems:
        raise SpecError(problems)
    for spec, document in read:
        for warning in (
            *slo_warnings(spec, document),
            *placed(doubtful_names(spec), document),
            *placed(engine_notes(spec), document),
            *placed(missing_libraries(spec, settings.engine_pythons), document),
            *_placed([*warn([spec]), *short_windows(catalogue, [spec])], document),
        ):
            complain(f"warning: {warning}")
    slos = sum(len(spec.slos) for spec in specs)
    print(f"good: {len(specs)} service{'s' * (len(specs) != 1)}, {slos} SLO{'s' * (slos != 1)}")


def _reference(spec: ServiceSpec, document: Document) -> Sequence[Problem]:
    if spec.model is None or spec.model.reference is None:
        return ()
    try:
        reference = load_reference(spec.model.reference)
    except SpecError as error:
        flaws = [Flaw(("model", "reference"), str(problem)) for problem in error.problems]
        return document.error(flaws).problems
    return placed(rows_flaws(spec, reference), document)


def _calibration(spec: ServiceSpec, document: Document) -> Sequence[Problem]:
    section = spec.signals.hallucination
    if section is None or section.calibration is None:
        return ()
    try:
        load_calibration(Path(section.calibration))
    except SpecError as error:
        return document.error([Flaw(("signals", "hallucination", "calibration"), str(error))]).problems
    return ()


def _lint(catalogue: Catalogue, spec: ServiceSpec, document: Document) -> Iterator[Problem]:
    return _placed(lint(catalogue, [spec]), document)


def _placed(problems: Sequence[Problem], document: Document) -> Iterator[Problem]:
    for problem in problems:
        line = problem.line or document.line(document.nearest(problem.field))
        yield Problem(document.file, line, problem.field, problem.message)


def build_files(
    path: Path,
    out: Path,
    burnline_url: str,
    token_file: str = "",
    *,
    form: str = "rules",
    layout: str = "burnline",
    alertmanager: For | None = None,
) -> None:
    """Write what Prometheus, Alertmanager and Grafana need, naming each file and each secret to be put beside it.

    Raises: BurnlineError for a form or layout that is not known.
    """
    if form not in get_args(Form):
        raise BurnlineError(f"--format {visible(form)}: write one of {', '.join(get_args(Form))}")
    if layout not in get_args(Layout):
        raise BurnlineError(f"--layout {visible(layout)}: write one of {', '.join(get_args(Layout))}")
    read, now = read_checked(path), datetime.now(UTC)
    specs = [spec for spec, _ in read]
    for problem in (problem for each in read for problem in name_warnings(*each)):
        complain(f"warning: {problem}")
    settings = read_settings()
    for written in write_files(
        specs,
        out,
        burnline_url,
        token_file,
        now=now,
        form=cast(Form, form),
        layout=cast(Layout, layout),
        alertmanager=alertmanager,
        public_url=settings.public_url,
        catalogue=load_catalogue(settings.runbooks),
        places=Places(settings.trace_search_url, settings.logs_url),
    ):
        print(written)
    target = alertmanager or For()
    needed = expected_files(specs, target.secrets_dir, target.mail, target.others)
    for place, holds in needed.items():
        print(f"Alertmanager reads {place}: the {visible(holds)}")
    if not target.others:
        complain(UNCOVERED)


def print_schema() -> None:
    """Print the JSON Schema of a service file."""
    json.dump(json_schema(), sys.stdout, indent=2)
    print()


def show_status(server: str, *, as_json: bool) -> int:
    """Print every SLO; 0 when all keep their promise, else 1."""
    services = fetch(server, "/v1/services")
    if as_json:
        print(json.dumps(services, indent=2))
    else:
        show(status_table(services))
    healthy = all(slo["state"] in ("ok", "at_risk") for service in services for slo in service["slos"])
    return 0 if healthy else 1


def status_table(services: list[dict[str, Any]]) -> Group:
    """SLOs of all services, the worst service first; what each one's numbers mean stands below it."""
    rows = [_cells(slo) for service in services for slo in service["slos"]]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    lines: list[RenderableType] = [_line(HEADINGS, widths, "bold")]
    for service in services:
        lines.append(Text(visible(service["name"]), "bold"))
        for slo in service["slos"]:
            lines.append(_line(_cells(slo), widths, COLORS[slo["state"]]))
            lines.extend(_below(text) for text in (slo["sentence"], *_notes(slo)))
        lines.extend(_below(text) for text in _service_notes(service))
        if not service["slos"]:
            lines.append(_below(service["sentence"]))
    return Group(*lines)


def _notes(slo: dict[str, Any]) -> Iterator[str]:
    if resets_at := slo.get("resets_at"):
        yield f"Budget of this {slo['window']}: whole again {moment(resets_at)} UTC."
    if members := slo.get("members"):
        names = ", ".join(f"{each['name']} ({STATES[each['state']]})" for each in members)
        yield f"Taken together, {slo['together'].replace('_', ' ')}: {names}."


def _service_notes(service: dict[str, Any]) -> Iterator[str]:
    if partly := service.get("partly"):
        yield partly
    policy = service.get("policy") or {}
    if reasons := policy.get("because"):
        yield f"Releases are {RELEASES[policy['releases']]}: {'; '.join(reasons)}."
    for each in service.get("exclusions", ()):
        start = "Maintenance now" if each["now"] else f"Maintenance from {moment(each['start'])}"
        whose = f" of {', '.join(each['slos'])}" if each["slos"] else ""
        yield f"{start} until {moment(each['end'])} UTC{whose}: {each['reason']}."


def _cells(slo: dict[str, Any]) -> tuple[str, ...]:
    burn = rate(slo["burns"][0]["long_rate"] if slo["burns"] else None)
    promised, left = percent(slo["objective"]), percent(slo["budget_remaining"])
    return slo["name"], STATES[slo["state"]], promised, percent(slo["sli"]), left, burn


def _line(cells: Sequence[str], widths: Sequence[int], color: str) -> Text:
    name, state, *numbers = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return Text.assemble(f"  {name}  ", (state, color), *(f"  {number}" for number in numbers))


def show_runs(server: str) -> None:
    """Print the newest runs."""
    found = fetch(server, "/v1/runs")
    rows = [
        (run["id"], run["service"], run["runbook"], run["outcome"] or run["state"], moment(run["created_at"]))
        for run in found
    ]
    show(table(("run", "service", "runbook", "state", "began (UTC)"), rows) if rows else "no runs yet")


def show_approvals(server: str) -> None:
    """Print what waits for a person, and how to answer."""
    found = fetch(server, "/v1/approvals")
    rows = [
        (
            asked["id"],
            asked["run_id"],
            asked["service"],
            plan(asked["plan"]),
            _count(asked),
            moment(asked["expires_at"]),
        )
        for asked in found
    ]
    headings = ("approval", "run", "service", "what it would do", "approved by", "expires (UTC)")
    show(table(headings, rows) if rows else "nothing waits for a person")
    if rows:
        show("answer: burnline runs approve APPROVAL --as NAME, or reject")


def show_one_run(server: str, run_id: int, *, as_json: bool = False) -> None:
    """Print a run's steps and what they found."""
    run = fetch(server, f"/v1/runs/{run_id}")
    if as_json:
        print(json.dumps(run, indent=2))
        return
    show(f"run {run['id']}: {run['runbook']} for {run['service']}: {run['outcome'] or run['state']}")
    for step in run["steps"]:
        again = f", attempt {step['attempt']}" if step["attempt"] > 1 else ""
        show(f"  {moment(step['started_at'])} UTC  {step['name']}: {step['state']}{again}")
        if text := (step["result"] or {}).get("text"):
            show(_below(str(text)))


def _below(sentence: str) -> Padding:
    return Padding(Text(visible(sentence)), (0, 0, 0, 6), expand=False)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Rows under headings, whatever is in them made visible."""
    made = Table(*(Column(heading, overflow="fold") for heading in headings), box=None)
    for row in rows:
        made.add_row(*(visible(str(cell)) for cell in row))
    return made


def decide(server: str, approval_id: int, decision: str, actor: str, reason: str) -> None:
    """Answer an approval, bound to the plan as it stands now."""
    waiting = {approval["id"]: approval for approval in fetch(server, "/v1/approvals")}
    if approval_id not in waiting:
        others = ", ".join(map(str, waiting)) or "none"
        raise BurnlineError(f"approval {approval_id} does not wait for an answer; these do: {others}")
    body = {"decision": decision, "actor": actor, "reason": reason, "plan_hash": waiting[approval_id]["plan_hash"]}
    state = fetch(server, f"/v1/approvals/{approval_id}", body)["state"]
    print(state if state != "pending" else f"pending: {_progress(server, approval_id)}")


def _progress(server: str, approval_id: int) -> str:
    asked = next((each for each in fetch(server, "/v1/approvals") if each["id"] == approval_id), None)
    return _count(asked) if asked else "others have decided meanwhile"


def _count(asked: Mapping[str, Any]) -> str:
    by = f" ({', '.join(asked['approved_by'])})" if asked["approved_by"] else ""
    left = [name for name in asked["approvers"] if name not in asked["approved_by"]]
    return f"{len(asked['approved_by'])} of {asked['required']}{by}" + (f"; may: {', '.join(left)}" if left else "")


def start_run(
    server: str, service: str, runbook: str, *, actor: str, reason: str, slo: str, params: Sequence[str]
) -> None:
    """Start a runbook by hand, and print the run's number."""
    declared = {
        name: Param.model_validate(each) for name, each in fetch(server, f"/v1/runbooks/{runbook}")["params"].items()
    }
    values = given_values(runbook, declared, params)
    wish = {"service": service, "runbook": runbook, "actor": actor, "reason": reason, "slo": slo, "params": values}
    print(f"run {fetch(server, '/v1/runs', wish)['run']}")


def given_values(runbook: str, declared: Mapping[str, Param], params: Sequence[str]) -> dict[str, Scalar]:
    """Values of parameters as they are written on the command line, name=value. Raises: BurnlineError."""
    values: dict[str, Scalar] = {}
    for pair in params:
        name, equals, text = pair.partition("=")
        if not equals or name not in declared:
            there = choice(declared) if declared else "none"
            raise BurnlineError(f"--param {pair!r}: write name=value; {runbook} has {there}")
        try:
            values[name] = declared[name].from_label(text)
        except ValueError as error:
            raise BurnlineError(f"--param {pair}: {error}") from error
    return values


def show_actions(server: str, setting: dict[str, str] | None = None) -> None:
    """Print whether runs may change anything and who said so, after setting it when there is a `setting`."""
    now = fetch(server, "/v1/actions", setting)
    by = f": {now['by']}, since {moment(now['since'])} UTC" if now["by"] else ""
    show(f"actions are {now['state']}{by}" + (f": {now['reason']}" if now["reason"] else ""))
    if now["halted"]:
        show(f"this burnline changes nothing all the same: {now['halted']}")
    rows = [(moment(each["at"]), each["by"], each["before"], each["state"], each["reason"]) for each in now["turns"]]
    if rows:
        show(table(("turned (UTC)", "by", "from", "to", "why"), rows))


def fetch(server: str, path: str, body: dict[str, Any] | None = None, *, method: str = "") -> Any:
    """Ask a running burnline; POST when there is a `body`, unless another `method` is given.

    Raises: BurnlineError in words when it cannot be reached or refuses.
    """
    token = read_settings().token
    url = server.rstrip("/") + path
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = httpx.request(method or ("POST" if body else "GET"), url, json=body, headers=headers, timeout=10)
        content = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        why = "that is no URL" if isinstance(error, httpx.InvalidURL) else error  # its words may hold a password
        place = without_login(server)
        raise BurnlineError(f"no burnline answers at {place}: {why}; start one with `burnline up`") from error
    if answer.is_error:
        said = content.get("error") if isinstance(content, dict) else None
        raise BurnlineError(said or f"{without_login(url)} answered {answer.status_code}: {content}")
    return content


def complain(text: str) -> None:
    """On stderr; it may quote what others wrote, which must not steer the terminal."""
    print(visible(text), file=sys.stderr)


def show(shown: RenderableType) -> None:
    """Print something; what is in it is data, never markup. Into a file or a pipe, no row is folded."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    text = visible(shown) if isinstance(shown, str) else shown
    Console(markup=False, emoji=False, highlight=False, width=width).print(text)


def percent(value: float | None) -> str:
    """0.999 as 99.9%; a dash when unknown."""
    return "-" if value is None else f"{value * 100:.4g}%"


def rate(value: float | None) -> str:
    """A burn rate in signs that every terminal has."""
    return "-" if value is None else words.rate(value).replace(words.TIMES, "x")


def moment(written: str) -> str:
    """An ISO moment as day and time."""
    return f"{datetime.fromisoformat(written).astimezone(UTC):%Y-%m-%d %H:%M:%S}"
