"""What `burnline runbook` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from burnline.app.build import runbook_pages
from burnline.app.commands import complain, given_values, show, table
from burnline.app.proof import short_windows
from burnline.app.services import load_checked
from burnline.errors import ActionError, BurnlineError, Problem
from burnline.events import Outcome
from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.lint import lint, unanswered, undrilled, warn
from burnline.runbooks.load import Catalogue, Recipe, load_catalogue, load_runbook
from burnline.runbooks.model import Runbook, bind
from burnline.runbooks.params import resolve
from burnline.runbooks.rehearse import Rehearsal, rehearse
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice
from burnline.store.database import open_database
from burnline.store.drills import Drill, last_drilled, newest_drills


def show_catalogue(folder: Path | None) -> None:
    """Print every runbook: id, where it is from, risk, what it is for."""
    rows = [
        (each.runbook.id, "burnline" if each.ships else each.file, each.runbook.risk, each.runbook.description)
        for each in load_catalogue(folder).all()
    ]
    show(table(("runbook", "from", "risk", "what it does"), rows))


def lint_all(services: Path, folder: Path | None, database: str, *, strict: bool) -> int:
    """Print every error and warning; returns the exit code. `database`: where drills are on record; empty: nowhere."""
    specs, catalogue = load_checked(services), load_catalogue(folder)
    errors = lint(catalogue, specs)
    warnings = [
        *warn(specs),
        *short_windows(catalogue, specs),
        *unanswered(catalogue, specs),
        *_undrilled(specs, database),
    ]
    for problem in errors:
        complain(f"error: {problem}")
    for problem in warnings:
        complain(f"{'error' if strict else 'warning'}: {problem}")
    bound = sum(len(spec.runbooks) for spec in specs)
    show(f"{len(catalogue.all())} runbooks, {bound} bindings: {len(errors)} errors, {len(warnings)} warnings")
    if not database:
        show("drills were not asked for: name where they are on record with --database or BURNLINE_DATABASE")
    return 1 if errors or (strict and warnings) else 0


def _undrilled(specs: Sequence[ServiceSpec], database: str) -> list[Problem]:
    if not database:
        return []
    db = open_database(database)
    try:
        with db.read() as tx:
            drilled, newest = last_drilled(tx), newest_drills(tx)
    finally:
        db.close()
    failed = {(each.service, name): each for each in newest if not each.passed for name in each.runbooks}
    return [*undrilled(specs, drilled, datetime.now(UTC)), *_failed(specs, failed)]


def _failed(specs: Sequence[ServiceSpec], failed: Mapping[tuple[str, str], Drill]) -> Iterator[Problem]:
    """Bindings whose runbook was part of a scenario that failed when it was drilled last."""
    for spec in specs:
        for index, binding in enumerate(spec.runbooks):
            if (drill := failed.get((spec.service, binding.run))) is not None:
                checks = ", ".join(str(each["name"]) for each in drill.checks if not each["ok"])
                words = f"{binding.run}: the last drill of {drill.scenario} failed on {drill.at:%Y-%m-%d}"
                yield Problem(spec.service, 0, f"runbooks[{index}].run", f"{words}: {checks}" if checks else words)


def write_pages(out: Path, folder: Path | None) -> list[Path]:
    """Write a page for each runbook and return their paths; the same files give the same bytes."""
    out.mkdir(parents=True, exist_ok=True)
    pages = {out / name: text for name, text in runbook_pages(load_catalogue(folder)).items()}
    for path, text in pages.items():
        path.write_text(text)
    return list(pages)


def show_plan(services: Path, service: str, runbook: str, folder: Path | None, params: Sequence[str]) -> int:
    """Print what each step would change now, as the hooks see it; returns the exit code."""
    spec = next((spec for spec in load_checked(services) if spec.service == service), None)
    if spec is None:
        raise BurnlineError(f"no service file names {service!r}")
    book = _bound(spec, _recipe(load_catalogue(folder), runbook), params)
    failed = 0
    for step, act in book.changes:
        only = " (only when its condition holds)" if step.when else ""
        if step.when is not None and spec.hook(act.hook) is None:
            show(f"{step.name}: left out, the service has no hook {act.hook}")
            continue
        try:
            planned = build_hook(spec, act.hook, item=act.item).plan(act.to)
        except ActionError as error:
            failed += 1
            show(f"{step.name}: cannot be done: {error}")
        else:
            back = f"; undo: {act.undo}" if act.undo else "; irreversible"
            show(f"{step.name}: {planned}{back}{only}")
    if not book.changes:
        show(f"{book.id} changes nothing")
    show("nothing was changed")
    return 1 if failed else 0


def _bound(spec: ServiceSpec, recipe: Recipe, params: Sequence[str]) -> Runbook:
    """The runbook with the values of the service's binding, then those given here."""
    binding = next((binding for binding in spec.runbooks if binding.run == recipe.runbook.id), None)
    given = {**(binding.params if binding else {}), **given_values(recipe.runbook.id, recipe.runbook.params, params)}
    declared = recipe.runbook.params
    samples = {name: param.sample for name, param in declared.items() if param.default is None}
    try:
        return bind(recipe.body, resolve(declared, {**samples, **given}, {}))
    except ValueError as error:
        raise BurnlineError(f"{recipe.runbook.id}: {error}") from error


def rehearse_runbook(
    runbook: str, folder: Path | None, params: Sequence[str], labels: Sequence[str], *, quiet: bool
) -> int:
    """Rehearse a runbook three times and print how each went; returns the exit code."""
    recipe = _recipe(load_catalogue(folder), runbook)
    values, alert = (
        given_values(recipe.runbook.id, recipe.runbook.params, params),
        dict(_label(pair) for pair in labels),
    )
    acts = recipe.runbook.acts
    cases = [
        ("it helps", rehearse(recipe, params=values, labels=alert), {Outcome.RECOVERED} if acts else set(Outcome)),
        ("it does not help", rehearse(recipe, params=values, labels=alert, helps=False), _NOT_HELPED),
    ]
    if acts:
        silent = rehearse(recipe, params=values, labels=alert, approve=False)
        cases.append(("nobody answers", silent, {Outcome.REJECTED, Outcome.RECOVERED, Outcome.NOT_RECOVERED}))
    failed = 0
    for name, went, wanted in cases:
        good = went.outcome in wanted
        failed += not good
        _print_case(name, went, good=good, quiet=quiet)
    return 1 if failed else 0


_NOT_HELPED = {Outcome.NOT_RECOVERED, Outcome.WORSE, Outcome.NO_DATA, Outcome.FAILED, Outcome.SKIPPED}


def _print_case(name: str, went: Rehearsal, *, good: bool, quiet: bool) -> None:
    show(f"{'ok' if good else 'FAILED'}: when {name}: {went.outcome or 'never ended'} after {went.took}")
    for line in () if quiet else went.record:
        show(f"    {line}")


def _label(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals or not name:
        raise BurnlineError(f"--label {pair!r}: write name=value")
    return name, value


def _recipe(catalogue: Catalogue, runbook: str) -> Recipe:
    """The runbook of that id, or in that file."""
    if runbook.endswith((".yaml", ".yml")):
        return load_runbook(Path(runbook))
    if (found := catalogue.get(runbook)) is None:
        ids = [each.runbook.id for each in catalogue.all()]
        raise BurnlineError(f"there is no runbook {runbook!r}; there are {choice(ids)}")
    return found
