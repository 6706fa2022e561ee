"""MLflow's model registry as its REST API shows it: versions, tags, aliases; messages as a 3.x server words them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.web import Request

API = "/api/2.0/mlflow/"
MISSING, INVALID = "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"


@dataclass
class FakeMlflow:
    """One registered model. `before_answer` is called with every request: what others do meanwhile.

    Attributes:
        status: by version.
        page: how many versions a search answers at once.
        authorization: what the header must be, when credentials are wanted.
        lost: paths at which a change is made and its answer is lost.
    """

    model: str = "card-fraud"
    status: dict[str, str] = field(default_factory=lambda: {"1": "READY", "2": "READY", "3": "READY"})
    aliases: dict[str, str] = field(default_factory=lambda: {"champion": "2"})
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    page: int = 200
    authorization: str | None = None
    lost: set[str] = field(default_factory=set)
    asked: list[Request] = field(default_factory=list)
    before_answer: Callable[[Request], None] = lambda _: None

    def __call__(self, request: Request) -> tuple[int, Any] | None:
        self.asked.append(request)
        self.before_answer(request)
        if self.authorization is not None and request.headers.get("authorization") != self.authorization:
            return 401, {}
        answer = self._answer(request.method, request.path.removeprefix(API), request.body or dict(request.query))
        lost = request.method == "POST" and request.path.removeprefix(API) in self.lost
        return None if lost else answer

    def writes(self) -> list[str]:
        """Every change that was asked for, in order."""
        return [f"{each.path.removeprefix(API)} {each.body}" for each in self.asked if each.method == "POST"]

    def _answer(self, method: str, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
        match method, path:
            case "GET", "registered-models/alias":
                return self._alias(asked)
            case "GET", "model-versions/get":
                return self._version(asked["version"])
            case "GET", "model-versions/search":
                return self._search(asked)
            case "POST", "registered-models/alias":
                return self._set_alias(asked)
            case "POST", "model-versions/set-tag":
                return self._set_tag(asked)
        return 404, {}

    def _alias(self, asked: dict[str, Any]) -> tuple[int, Any]:
        if asked["name"] != self.model:
            return _refused(404, MISSING, f"Registered Model with name={asked['name']} not found")
        if asked["alias"] not in self.aliases:
            return _refused(400, INVALID, f"Registered model alias {asked['alias']} not found.")
        return self._version(self.aliases[asked["alias"]])

    def _version(self, version: str) -> tuple[int, Any]:
        if not version.isdigit():
            return _refused(400, INVALID, f"Parameter 'version' must be an integer, got '{version}'.")
        version = str(int(version))
        if version not in self.status:
            return _refused(404, MISSING, f"Model Version (name={self.model}, version={version}) not found")
        return 200, {"model_version": self._shown(version)}

    def _search(self, asked: dict[str, Any]) -> tuple[int, Any]:
        assert asked["filter"] == f"name='{self.model}'"
        assert asked["order_by"] == "version_number DESC"
        newest_first = sorted(self.status, key=int, reverse=True)
        start = int(asked.get("page_token", "0"))
        stop = start + min(self.page, int(asked["max_results"]))
        more = {"next_page_token": str(stop)} if stop < len(newest_first) else {}
        return 200, {"model_versions": [self._shown(each) for each in newest_first[start:stop]], **more}

    def _set_alias(self, asked: dict[str, Any]) -> tuple[int, Any]:
        status, answer = self._version(asked["version"])
        if status == 200:
            self.aliases[asked["alias"]] = asked["version"]
        return status, {} if status == 200 else answer

    def _set_tag(self, asked: dict[str, Any]) -> tuple[int, Any]:
        status, answer = self._version(asked["version"])
        if status == 200:
            self.tags.setdefault(asked["version"], {})[asked["key"]] = asked["value"]
        return status, {} if status == 200 else answer

    def _shown(self, version: str) -> dict[str, Any]:
        tags = [{"key": key, "value": value} for key, value in self.tags.get(version, {}).items()]
        return {
            "name": self.model,
            "version": version,
            "status": self.status[version],
            "creation_timestamp": 1795664400324,
            **({"tags": tags} if tags else {}),
        }


def _refused(status: int, code: str, message: str) -> tuple[int, Any]:
    return status, {"error_code": code, "message": message, "sqlstate": "KAM00"}
