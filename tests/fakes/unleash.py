"""Unleash's admin API, as far as it switches features: a repeat is a 200, what is not there a 404, no token a 401."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.web import Request

FEATURE = re.compile(r"/api/admin/projects/([^/]+)/features/([^/]+)")
SWITCH = re.compile(FEATURE.pattern + r"/environments/([^/]+)/(on|off)")
EVENTS = re.compile(r"/api/admin/events/([^/]+)")
MOMENT = "2026-01-05T11:00:00.000Z"
TOKEN = "*:*.burnline-canary"


@dataclass
class FakeUnleash:
    """Features of the project `default` in `production`, by name.

    Attributes:
        lose: the next switch is made and its answer is lost.
        locked: changes need a change request, which the admin API answers with 403.
    """

    features: dict[str, bool] = field(default_factory=lambda: {"rerank": True})
    lose: bool = False
    locked: bool = False
    switched: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: Request) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != TOKEN:
            return 401, {"name": "AuthenticationRequired"}
        if request.method == "POST" and (found := SWITCH.fullmatch(request.path)):
            return self._switch(*found.groups())
        if found := FEATURE.fullmatch(request.path):
            return self._feature(*found.groups())
        if found := EVENTS.fullmatch(request.path):
            return 200, {"version": 1, "toggleName": found[1], "events": self.events}
        return 404, {"name": "NotFoundError"}

    def _feature(self, project: str, name: str) -> tuple[int, Any]:
        if project != "default" or name not in self.features:
            return 404, {
                "name": "NotFoundError",
                "message": f'There\'s no feature named "{name}" in project "{project}"',
            }
        states = {"development": False, "production": self.features[name]}
        environments = [{"name": each, "enabled": on, "strategies": []} for each, on in states.items()]
        return 200, {"name": name, "type": "release", "environments": environments}

    def _switch(self, project: str, feature: str, environment: str, to: str) -> tuple[int, Any] | None:
        if (project, environment) != ("default", "production") or feature not in self.features:
            return 404, {"name": "NotFoundError"}
        if self.locked:
            return 403, {"name": "PermissionError"}
        self.features[feature] = to == "on"
        self.switched.append(to)
        happened = "feature-environment-enabled" if to == "on" else "feature-environment-disabled"
        self.events.insert(0, {"type": happened, "environment": environment, "createdAt": MOMENT})
        lost, self.lose = self.lose, False
        return None if lost else (200, {})
