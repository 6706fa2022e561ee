"""Whether a runbook can prove anything: its windows beside how often the SLO it is proved on is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from burnline.errors import Problem
from burnline.metrics import SIGNAL, SLO
from burnline.runbooks.load import Catalogue
from burnline.runbooks.match import verified_slo
from burnline.runbooks.model import Runbook, bind
from burnline.slo.windows import base_interval, period_length
from burnline.spec.binding import RunbookBinding
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration


def short_windows(catalogue: Catalogue, specs: Sequence[ServiceSpec]) -> list[Problem]:
    """Bindings whose proof looks at windows shorter than an evaluation. `Problem.file` is the service's name."""
    return [
        Problem(spec.service, 0, f"runbooks[{index}].run", message)
        for spec in specs
        for index, binding in enumerate(spec.runbooks)
        for message in _short(catalogue, spec, binding)
    ]


def _short(catalogue: Catalogue, spec: ServiceSpec, binding: RunbookBinding) -> Iterator[str]:
    book = _bound(catalogue, binding)
    about = {
        **binding.on.labels,
        SLO: binding.on.slo or binding.on.labels.get(SLO, ""),
        SIGNAL: binding.on.signal or "",
    }
    for step in book.steps if book is not None else ():
        if step.verify is None:
            continue
        slo = spec.slo(step.verify.slo or verified_slo(spec, about) or "")
        if slo is not None and step.verify.window < (base := base_interval(period_length(slo.window))):
            window, every = format_duration(step.verify.window), format_duration(base)
            yield (
                f"{binding.run}, step {step.name}: {slo.name} is evaluated every {every}, so that a window of {window} "
                f"is empty, or counts events from before it; make it {every} or longer"
            )


def _bound(catalogue: Catalogue, binding: RunbookBinding) -> Runbook | None:
    """The runbook with the binding's values; None when it does not fit, which is an error of its own."""
    if (recipe := catalogue.get(binding.run)) is None:
        return None
    values = {name: param.sample for name, param in recipe.runbook.params.items()}
    try:
        fitting = {name: recipe.runbook.params[name].fit(value) for name, value in binding.params.items()}
        return bind(recipe.body, {**values, **fitting})
    except (KeyError, ValueError):
        return None
