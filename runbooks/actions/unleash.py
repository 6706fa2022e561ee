"""The Unleash hook: switches a feature on or off in one environment, over Unleash's admin API.

Unleash answers a switch that is set already as it answers any other, and has no place for an idempotency key: the state
is compared first. A feature is made switched off, so `off` is what was before `on`; before `off` there is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from pydantic import BaseModel

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.api import JsonApi, header_secret
from burnline.runbooks.actions.contract import PREVIOUS, Plan
from burnline.spec.hooks import UnleashHookSpec
from burnline.spec.words import shown

ON, OFF = "on", "off"
NOT_THERE = 404


class Environment(BaseModel):
    """A feature in one environment; only what the hook reads."""

    enabled: bool


class UnleashHook:
    """Switches a feature. Idempotent: switching it off twice is switching it off once."""

    kind = "unleash"
    idempotent = True

    def __init__(self, spec: UnleashHookSpec) -> None:
        self._spec = spec
        self._api = JsonApi(spec.url, credentials=self._credentials, timeout=spec.timeout)
        project, feature, environment = (quote(part, safe="") for part in self._parts())
        self._path = f"/api/admin/projects/{project}/features/{feature}/environments/{environment}"
        self.target = f"{spec.url}#{spec.project}/{spec.feature}@{spec.environment}"

    def observe(self) -> str:
        """`on` or `off`."""
        answer = self._api.ask("GET", self._path, use=(NOT_THERE,))
        if answer.status == NOT_THERE:
            raise self._missing()
        return ON if self._api.parse(self._path, answer, Environment).enabled else OFF

    def changed_at(self) -> datetime | None:
        """Not known: Unleash keeps it among its events."""
        return None

    def plan(self, target: str) -> Plan:
        """What the feature would be. Raises: ActionError when it is not there, or is off and shall be what it was."""
        current = self.observe()
        if target == PREVIOUS and current == OFF:
            raise ActionError(f"{self.target}: is off, as it was made; nothing was before that", permanent=True)
        to = OFF if target == PREVIOUS else target
        self._known(to)
        return Plan(self.kind, self.target, current, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Switch the feature if it is not there already. Raises: ActionError, InDoubt."""
        self._known(target)
        current = self.observe()
        if current == target:
            return False
        if before not in (None, current):
            raise Moved(f"{self.target} was moved to {current} by another hand")
        answer = self._api.ask("POST", f"{self._path}/{target}", use=(NOT_THERE,))
        if answer.status == NOT_THERE:
            raise self._missing()
        return True

    def verify(self, target: str) -> bool:
        """Whether the feature is `target`."""
        return self.observe() == target

    def _known(self, state: str) -> None:
        if state not in (ON, OFF):
            raise ActionError(f"{self.target}: {shown(state)} is no state of it; there are on or off", permanent=True)

    def _missing(self) -> ActionError:
        project, feature, environment = self._parts()
        wrong = f"{self._spec.url} has no feature {feature} of project {project} in environment {environment}"
        return ActionError(wrong, permanent=True)

    def _parts(self) -> tuple[str, str, str]:
        return self._spec.project, self._spec.feature, self._spec.environment

    def _credentials(self) -> Mapping[str, str]:
        return {"Authorization": header_secret(self._spec.token)}  # Unleash takes the bare token
