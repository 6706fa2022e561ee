"""The Unleash hook: switches a feature on or off in one environment, over Unleash's admin API.

Unleash answers a switch that is set already as it answers any other, and has no place for an idempotency key: the state
is compared first. A feature is made switched off, so `off` is what was before `on`; before `off` there is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.api import JsonApi, header_secret
from burnline.runbooks.actions.contract import PREVIOUS, Plan
from burnline.spec.hooks import UnleashHookSpec
from burnline.spec.words import shown

ON, OFF = "on", "off"
NOT_THERE, NOT_ALLOWED = 404, 403
SWITCHED = ("feature-environment-enabled", "feature-environment-disabled")


class Environment(BaseModel):
    name: str
    enabled: bool


class Feature(BaseModel):
    """A feature in its project; only what the hook reads."""

    environments: Sequence[Environment]


class Event(BaseModel):
    type: str
    environment: str | None = None
    createdAt: AwareDatetime


class Events(BaseModel):
    """What happened to a feature, newest first."""

    events: Sequence[Event] = ()


class UnleashHook:
    """Switches a feature. Idempotent: switching it off twice is switching it off once."""

    kind = "unleash"
    idempotent = True

    def __init__(self, spec: UnleashHookSpec) -> None:
        self._spec = spec
        self._api = JsonApi(spec.url, credentials=self._credentials, timeout=spec.timeout)
        project, feature, environment = (quote(part, safe="") for part in self._parts())
        self._feature = f"/api/admin/projects/{project}/features/{feature}"
        self._environment = f"{self._feature}/environments/{environment}"
        self._events = f"/api/admin/events/{feature}"
        self.target = f"{spec.url}#{spec.project}/{spec.feature}@{spec.environment}"

    def observe(self) -> str:
        """`on` or `off`."""
        # the environment's own page would answer for a feature of another project too
        answer = self._api.ask("GET", self._feature, use=(NOT_THERE,))
        if answer.status == NOT_THERE:
            raise self._missing()
        for each in self._api.parse(self._feature, answer, Feature).environments:
            if each.name == self._spec.environment:
                return ON if each.enabled else OFF
        raise self._missing()

    def changed_at(self) -> datetime | None:
        """When it was last switched, by Unleash's events; None where they do not tell."""
        answer = self._api.ask("GET", self._events, use=(NOT_THERE, NOT_ALLOWED))
        if answer.status >= NOT_ALLOWED:
            return None
        moments = [
            event.createdAt.astimezone(UTC)
            for event in self._api.parse(self._events, answer, Events).events
            if event.type in SWITCHED and event.environment == self._spec.environment
        ]
        return max(moments, default=None)

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
        answer = self._api.ask("POST", f"{self._environment}/{target}", use=(NOT_THERE,))
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
