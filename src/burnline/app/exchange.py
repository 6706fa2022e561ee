"""`burnline import` and `burnline export`: SLO files of other tools, to and from service files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import typer
import yaml

from burnline.app.build import rule_files
from burnline.app.console.words import visible
from burnline.app.services import load_checked, placed, read_checked
from burnline.errors import BurnlineError, Problem, SpecError
from burnline.slo.exporters import openslo as openslo_export
from burnline.slo.importers import openslo, pyrra, slo_generator, sloth
from burnline.slo.importers.document import Item, read_documents
from burnline.slo.importers.draft import Notes, Options, ServiceDraft, together
from burnline.slo.importers.write import write_service
from burnline.spec.document import Document
from burnline.spec.service import ServiceSpec
from burnline.spec.units import parse_duration
from burnline.spec.words import choice

FORMATS = {"sloth": sloth.read, "pyrra": pyrra.read, "openslo": openslo.read, "slo-generator": slo_generator.read}
EXPORTS = ("openslo", "prometheus-rule")
NOT_ALL = 3  # the exit code when something was not carried over


def import_files(tool: str, files: Sequence[Path], out: Path | None, *, window: str = "30d", service: str = "") -> int:
    """Write the service files; the exit code: 0, or 3 when something was not carried over.

    Raises: SpecError with every problem when the files cannot be imported; nothing is written then.
    """
    if tool not in FORMATS:
        raise BurnlineError(f"{tool!r} is no format; accepted: {choice(FORMATS)}")
    options = Options(parse_window(window), service)
    notes = Notes()
    drafts = together(FORMATS[tool](_documents(files), options, notes), notes)
    if not drafts and not notes.problems:
        notes.problems.append(Problem(str(files[0]), 0, "", f"holds no SLO of {tool}"))
    if notes.problems:
        raise SpecError(_in_order(notes.problems))
    if out is None and len(drafts) > 1:
        services = ", ".join(draft.service for draft in drafts)
        raise BurnlineError(f"these files hold {len(drafts)} services ({services}); write -o FOLDER, a file for each")
    origin = visible(", ".join(file.name for file in files))
    written = {draft.service: write_service(draft, f"{tool}: {origin}") for draft in drafts}
    _check(drafts, written)
    if out is not None:
        _spare(written, out)
    for problem in _in_order(notes.left):
        typer.echo(visible(str(problem)), err=True)
    _deliver(written, out)
    return NOT_ALL if notes.left else 0


def export_services(tool: str, services: Path, out: Path | None, *, now: datetime) -> int:
    """Write the services as another tool's files; the exit code: 0, or 3 when something could not be said.

    Raises: SpecError with every problem of the service files; nothing is written then.
    """
    if tool not in EXPORTS:
        raise BurnlineError(f"{tool!r} is no format to export; accepted: {choice(EXPORTS)}")
    read = read_checked(services)
    if tool == "prometheus-rule":
        files = rule_files([spec for spec, _ in read], now, "prometheusrule", "burnline")
        _deliver({name.removesuffix(".yaml"): text for name, text in files.items()}, out, between="---\n")
        return 0
    written, left = _openslo(read)
    for problem in _in_order(left):
        typer.echo(visible(str(problem)), err=True)
    _deliver(written, out)
    return NOT_ALL if left else 0


def _openslo(read: Sequence[tuple[ServiceSpec, Document]]) -> tuple[dict[str, str], list[Problem]]:
    written: dict[str, str] = {}
    left: list[Problem] = []
    for spec, document in read:
        exported = openslo_export.export(spec)
        written[spec.service] = yaml.safe_dump_all(
            exported.objects, sort_keys=False, allow_unicode=True, width=1000, explicit_start=True
        )
        left += placed(iter(exported.left), document)
    return written, left


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Each once: an object that is referred to twice is read twice."""
    return sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line))


def parse_window(window: str) -> timedelta:
    """Raises: BurnlineError naming the option."""
    try:
        return parse_duration(window)
    except ValueError as error:
        raise BurnlineError(f"--window: {error}") from error


def _documents(files: Sequence[Path]) -> list[Item]:
    """Of all files; every problem of every file is told."""
    found: list[Item] = []
    problems: list[Problem] = []
    for file in files:
        try:
            found += read_documents(file)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return found


def _check(drafts: Sequence[ServiceDraft], written: dict[str, str]) -> None:
    """What burnline would refuse of the files to be is told where its cause stands."""
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory() as folder:
        for draft in drafts:
            path = Path(folder) / f"{draft.service}.yaml"
            path.write_text(written[draft.service], encoding="utf-8")
            try:
                load_checked(path)
            except SpecError as error:
                problems += [_blame(draft, problem) for problem in error.problems]
    if problems:
        raise SpecError(problems)


def _blame(draft: ServiceDraft, problem: Problem) -> Problem:
    source = draft.source
    for index, slo in enumerate(draft.slos):
        if problem.field.startswith(f"slos[{index}]"):
            source = slo.source
    return source.problem(f"cannot be a service file: {problem.field}: {problem.message}")


def _spare(written: dict[str, str], out: Path) -> None:
    """Raises: BurnlineError for a file that is there and says something else: a person may have worked on it."""
    for service, text in written.items():
        path = out / f"{service}.yaml"
        if path.exists() and path.read_text(encoding="utf-8", errors="replace") != text:
            raise BurnlineError(f"{path} is there already, and differs; take it away, or choose another folder")


def _deliver(written: dict[str, str], out: Path | None, *, between: str = "") -> None:
    if out is None:
        typer.echo(between.join(written.values()), nl=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    for service, text in written.items():
        path = out / f"{service}.yaml"
        path.write_text(text, encoding="utf-8")
        typer.echo(visible(f"wrote {path}"))
