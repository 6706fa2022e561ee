"""What a runbook file alone cannot show: whether services bind runbooks that exist, with parameters that fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from burnline.errors import ActionError, Problem
from burnline.metrics import ALERT_BURN, ALERT_SIGNAL, SERVICE, SEVERITY, SIGNAL, SLO
from burnline.runbooks.actions.build import build_hook, production_of
from burnline.runbooks.load import Catalogue, Recipe
from burnline.runbooks.match import bindings_for
from burnline.runbooks.model import Runbook, bind
from burnline.runbooks.params import Scalar
from burnline.spec.binding import RunbookBinding
from burnline.spec.service import RELEASE, ServiceSpec
from burnline.spec.words import choice, did_you_mean

LOCAL_HOOKS = ("alias", "flagd_file", "flag_file")  # those that can be looked at without asking anybody
LONGEST_UNDRILLED = timedelta(days=90)


def lint(catalogue: Catalogue, specs: Sequence[ServiceSpec]) -> list[Problem]:
    """Every binding that could not run as it is written. `Problem.file` is the service's name."""
    drills = [
        Problem(spec.service, 0, f"drill.hooks.{name}", f"reaches what `{real}` reaches: a drill would be no drill")
        for spec in specs
        for name, hook in spec.drill.hooks.items()
        if (real := production_of(spec, hook))
    ]
    return drills + [
        Problem(spec.service, 0, f"runbooks[{index}].{field}", message)
        for spec in specs
        for index, binding in enumerate(spec.runbooks)
        for field, message in _flaws(catalogue, spec, binding)
    ]


def warn(specs: Sequence[ServiceSpec]) -> list[Problem]:
    """What keeps a binding from ending well, as far as can be seen now: it may be put right without a new file."""
    return [
        Problem(spec.service, 0, field, message)
        for spec in specs
        if spec.runbooks
        for field, message in _weaknesses(spec)
    ]


def _weaknesses(spec: ServiceSpec) -> Iterator[tuple[str, str]]:
    if not spec.escalation.page:
        yield "escalation.page", "names nobody: when a runbook does not help, nobody is told"
    for name, hook in {RELEASE: spec.hook(RELEASE), **spec.actions}.items():
        if hook is not None and hook.kind in LOCAL_HOOKS:
            try:
                build_hook(spec, name).observe()
            except ActionError as error:
                where = "release.hook" if name == RELEASE else f"actions.{name}"
                yield f"{where}.{hook.kind}.file", f"{error}; no runbook can change it until that is put right"


def unanswered(catalogue: Catalogue, specs: Sequence[ServiceSpec]) -> list[Problem]:
    """Alerts that page people and start no runbook, and runbooks of the team's own that no alert starts."""
    found = [
        Problem(spec.service, 0, "runbooks", f"{words} starts no runbook") for spec in specs for words in _alone(spec)
    ]
    bound = {binding.run for spec in specs for binding in spec.runbooks}
    found += [
        Problem(recipe.file, 0, "id", f"no service file starts {recipe.runbook.id!r}")
        for recipe in catalogue.all()
        if not recipe.ships and recipe.runbook.id not in bound
    ]
    return found


def undrilled(
    specs: Sequence[ServiceSpec], drilled: Mapping[tuple[str, str], datetime], now: datetime
) -> list[Problem]:
    """Bindings whose runbook nobody rehearsed with the service within 90 days; `drilled`: by service and runbook."""
    found = []
    for spec in specs:
        for index, binding in enumerate(spec.runbooks):
            last = drilled.get((spec.service, binding.run))
            if last is None or now - last > LONGEST_UNDRILLED:
                when = f"was last drilled on {last:%Y-%m-%d}" if last else "was never drilled"
                words = f"{binding.run} {when} with {spec.service}; drill it every {LONGEST_UNDRILLED.days} days"
                found.append(Problem(spec.service, 0, f"runbooks[{index}].run", words))
    return found


def _alone(spec: ServiceSpec) -> Iterator[str]:
    """Alerts of the service that start nothing: pages of SLOs, alarms of signals."""
    for slo in spec.slos:
        labels = {"alertname": ALERT_BURN, SERVICE: spec.service, SLO: slo.name, SEVERITY: "page"}
        if not bindings_for(spec, labels):
            yield f"a page of SLO {slo.name}"
    for signal in spec.signals.sections():
        labels = {"alertname": ALERT_SIGNAL, SERVICE: spec.service, SIGNAL: signal, SEVERITY: "ticket"}
        if not bindings_for(spec, labels):
            yield f"an alarm of signal {signal}"


def _flaws(catalogue: Catalogue, spec: ServiceSpec, binding: RunbookBinding) -> Iterator[tuple[str, str]]:
    recipe = catalogue.get(binding.run)
    if recipe is None:
        ids = [each.runbook.id for each in catalogue.all()]
        yield "run", f"there is no runbook {binding.run!r}; there are {choice(ids)}.{did_you_mean(binding.run, ids)}"
        return
    yield from _missing(recipe, spec)
    yield from _misfits(recipe, spec, binding)


def _missing(recipe: Recipe, spec: ServiceSpec) -> Iterator[tuple[str, str]]:
    """Hooks and probes that the runbook needs whatever happens, and the service has not."""
    book = recipe.runbook
    for name in dict.fromkeys(act.hook for step, act in book.changes if step.when is None):
        if spec.hook(name) is None:
            where = "release.hook" if name == RELEASE else f"actions.{name}"
            what = "the release" if name == RELEASE else name
            yield "run", f"{book.id} changes {what}, but the service has no `{where}`"
    for step in book.steps:
        if step.collect and step.collect.probe and step.when is None and step.collect.probe not in spec.probes:
            yield (
                "run",
                f"{book.id} asks the probe {step.collect.probe}, but the service has no `probes`.{step.collect.probe}",
            )


def _misfits(recipe: Recipe, spec: ServiceSpec, binding: RunbookBinding) -> Iterator[tuple[str, str]]:
    declared = recipe.runbook.params
    values: dict[str, Scalar] = {name: param.sample for name, param in declared.items()}
    misfit = False
    for name, value in binding.params.items():
        try:
            values[name] = _fitting(recipe, name, value)
        except ValueError as error:
            misfit = True
            yield f"params.{name}", str(error)
    for name, param in declared.items():
        if param.default is None and param.label is None and name not in binding.params:
            yield "params", f"{name} must be given: {param.description or param.type}"
    if not misfit:
        try:
            book = bind(recipe.body, values)
        except ValueError as error:
            yield "params", f"make no runbook: {error}"
        else:
            yield from _unproved(book, spec)
            yield from _too_few(book, binding)


def _unproved(book: Runbook, spec: ServiceSpec) -> Iterator[tuple[str, str]]:
    names = [slo.name for slo in spec.slos]
    for step in book.steps:
        if step.verify and step.verify.slo and step.verify.slo not in names:
            accepted = f"it has {choice(names)}" if names else "it has none"
            yield "run", f"{book.id} is proved on SLO {step.verify.slo!r}, which the service has not; {accepted}"


def _too_few(book: Runbook, binding: RunbookBinding) -> Iterator[tuple[str, str]]:
    need = max((step.approve.people for step in book.steps if step.approve), default=0)
    if binding.approvers and len(binding.approvers) < need:
        yield "approvers", f"{book.id} needs {need} people; found {len(binding.approvers)}"


def _fitting(recipe: Recipe, name: str, value: Scalar) -> Scalar:
    if name not in recipe.runbook.params:
        there = choice(recipe.runbook.params) if recipe.runbook.params else "none"
        raise ValueError(f"{recipe.runbook.id} has no such parameter; there are {there}")
    return recipe.runbook.params[name].fit(value)
