"""What a runbook file alone cannot show: whether services bind runbooks that exist, with parameters that fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from burnline.errors import ActionError, Problem
from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.load import Catalogue, Recipe
from burnline.runbooks.model import bind
from burnline.runbooks.params import Scalar
from burnline.spec.binding import RunbookBinding
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice, did_you_mean


def lint(catalogue: Catalogue, specs: Sequence[ServiceSpec]) -> list[Problem]:
    """Every binding that could not run as it is written. `Problem.file` is the service's name."""
    return [
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
    if spec.release is not None and spec.release.hook.alias is not None:
        try:
            build_hook(spec).observe()
        except ActionError as error:
            yield "release.hook.alias.file", f"{error}; no runbook can take a release back until that is put right"


def _flaws(catalogue: Catalogue, spec: ServiceSpec, binding: RunbookBinding) -> Iterator[tuple[str, str]]:
    recipe = catalogue.get(binding.run)
    if recipe is None:
        ids = [each.runbook.id for each in catalogue.all()]
        yield "run", f"there is no runbook {binding.run!r}; there are {choice(ids)}.{did_you_mean(binding.run, ids)}"
        return
    if recipe.runbook.acts and spec.release is None:
        yield "run", f"{binding.run} changes the release, but the service has no `release.hook`"
    yield from _misfits(recipe, binding)


def _misfits(recipe: Recipe, binding: RunbookBinding) -> Iterator[tuple[str, str]]:
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
            bind(recipe.body, values)
        except ValueError as error:
            yield "params", f"make no runbook: {error}"


def _fitting(recipe: Recipe, name: str, value: Scalar) -> Scalar:
    if name not in recipe.runbook.params:
        there = choice(recipe.runbook.params) if recipe.runbook.params else "none"
        raise ValueError(f"{recipe.runbook.id} has no such parameter; there are {there}")
    return recipe.runbook.params[name].fit(value)
