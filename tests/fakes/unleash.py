"""Unleash's admin API, as far as it switches features: a repeat is a 200, what is not there a 404, no token a 401."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.web import Request

PATH = re.compile(r"/api/admin/projects/([^/]+)/features/([^/]+)/environments/([^/]+)(?:/(on|off))?")
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

    def __call__(self, request: Request) -> tuple[int, Any] | None:
        if request.headers.get("authorization") != TOKEN:
            return 401, {"name": "AuthenticationRequired"}
        found = PATH.fullmatch(request.path)
        if found is None:
            return 404, {"name": "NotFoundError"}
        project, feature, environment, to = found.groups()
        if (project, environment) != ("default", "production") or feature not in self.features:
            return 404, {"name": "NotFoundError", "message": f"Could not find feature {feature}"}
        if request.method == "POST" and to:
            return self._switch(feature, to)
        return 200, {"name": environment, "type": "production", "enabled": self.features[feature], "strategies": []}

    def _switch(self, feature: str, to: str) -> tuple[int, Any] | None:
        if self.locked:
            return 403, {"name": "PermissionError"}
        self.features[feature] = to == "on"
        self.switched.append(to)
        lost, self.lose = self.lose, False
        return None if lost else (200, {})
