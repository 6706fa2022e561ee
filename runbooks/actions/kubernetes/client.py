"""The Kubernetes API over plain REST: one request at a time, each bounded, its failure said in words.

What a failure means: 409, and 422 to a patch with a `test`, somebody changed the object meanwhile (Conflict);
429 and 5xx may pass; every other refusal is permanent; no answer to a change leaves it in doubt.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, ValidationError

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.api import header_secret
from burnline.runbooks.actions.kubernetes.objects import Object, Page
from burnline.runbooks.actions.outbound import Answer, call_api
from burnline.spec.kubernetes import ClusterSpec

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where a pod finds who it is
MANAGER = "burnline"  # under which our changes stand in `managedFields`
PAGE = 250  # objects per part of a list
REFUSALS = range(300, 600)  # the API server says why
PASSING = (408, 409, 410, 422, 429)  # 410: a list grew too old while it was read
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
MAX_QUOTE = 300

T = TypeVar("T", bound=BaseModel)
Found = TypeVar("Found", bound=Object)


class ApiError(ActionError):
    """The API server refused; `status` is its HTTP status."""

    def __init__(self, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(message, permanent=status not in PASSING and status < 500)


class Conflict(ApiError):
    """Somebody changed the object since it was read: read it again."""


class Status(BaseModel):
    """What the API server answers instead of an object."""

    message: str = ""


class Api:
    """The API server of one cluster, as one service account."""

    def __init__(self, cluster: ClusterSpec, timeout: timedelta) -> None:
        self._cluster = cluster
        self._timeout = timeout
        self._trust: ssl.SSLContext | None = None

    @property
    def label(self) -> str:
        """The cluster in front of a target's name: empty for the one we run in."""
        return f"{urlsplit(self._cluster.api).netloc}:" if self._cluster.api else ""

    def namespace(self) -> str:
        """Where our objects are. Raises: ActionError outside of a pod without `cluster.namespace`."""
        return self._cluster.namespace or _of_pod("namespace").read_text(encoding="utf-8").strip()

    def read(self, path: str, model: type[T]) -> T:
        """The object at `path`. Raises: ActionError."""
        return _parsed(path, self._ask("GET", path), model)

    def list(self, path: str, model: type[Found], *, labels: str = "", fields: str = "") -> list[Found]:
        """Every object of a list that its labels and fields select. Raises: ActionError."""
        found: list[Found] = []
        query = {"limit": str(PAGE), "labelSelector": labels, "fieldSelector": fields, "continue": ""}
        while True:
            asked = {name: value for name, value in query.items() if value}
            page = _parsed(path, self._ask("GET", path, query=asked), Page[model])  # type: ignore[valid-type]  # pydantic's
            found += page.items
            if not page.more:
                return found
            query["continue"] = page.more

    def patch(self, path: str, body: Any, *, form: str, dry_run: bool = False) -> None:
        """Change the object at `path`. Raises: Conflict, ActionError, InDoubt; a dry run changes nothing."""
        query = {"fieldManager": MANAGER, **({"dryRun": "All"} if dry_run else {})}
        self._ask("PATCH", path, query=query, body=body, form=form)

    def post(self, path: str, body: Any) -> None:
        """Make something at `path`. Raises: Conflict, ActionError, InDoubt."""
        self._ask("POST", path, query={"fieldManager": MANAGER}, body=body)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        form: str = "application/json",
    ) -> bytes:
        token = self._token()
        content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        url = f"{self._base()}{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        answer = self._send(method, url, token, content, form)
        if answer.status == 401 and (fresh := self._token()) != token:  # it was rotated under us
            answer = self._send(method, url, fresh, content, form)
        if 200 <= answer.status < 300:
            return answer.body
        raise _refusal(method, path, answer)

    def _send(self, method: str, url: str, token: str, content: bytes, form: str) -> Answer:
        headers = {"Accept": "application/json", "Content-Type": form, "User-Agent": MANAGER}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        tls = self._trusted() if url.startswith("https:") else None
        return call_api(method, url, headers=headers, timeout=self._timeout, content=content, use=REFUSALS, tls=tls)

    def _base(self) -> str:
        if self._cluster.api is not None:
            return self._cluster.api.rstrip("/")
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise ActionError("not in a pod: write `cluster.api` in the service file", permanent=True)
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def _token(self) -> str:
        if self._cluster.token is not None:
            return header_secret(self._cluster.token)
        return "" if self._cluster.api is not None else header_secret(f"file:{SERVICE_ACCOUNT}/token")

    def _trusted(self) -> ssl.SSLContext:
        if self._trust is None:
            own = None if self._cluster.api is not None else str(SERVICE_ACCOUNT / "ca.crt")
            file = self._cluster.ca or own
            try:
                self._trust = ssl.create_default_context(cafile=file)
            except (OSError, ssl.SSLError) as error:
                raise ActionError(f"the certificates in {file} cannot be read: {error}", permanent=True) from error
        return self._trust


def _of_pod(name: str) -> Path:
    file = SERVICE_ACCOUNT / name
    if not file.is_file():
        raise ActionError(f"not in a pod: write `cluster.{name}` in the service file", permanent=True)
    return file


def _parsed(path: str, body: bytes, model: type[T]) -> T:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its start"
        raise ActionError(f"GET {path}: the answer is wrong at {where}: {first['msg']}", permanent=True) from error


def _refusal(method: str, path: str, answer: Answer) -> ActionError:
    try:
        said = " ".join(Status.model_validate_json(answer.body).message.split())[:MAX_QUOTE]
    except ValidationError:
        said = ""
    text = f"{method} {path}: answered {answer.status}" + (f": {said}" if said and said.isprintable() else "")
    if 300 <= answer.status < 400:
        text += "; redirects are not followed"
    if method != "GET" and answer.status == 504:
        return InDoubt(text)
    if method != "GET" and answer.status in (409, 422):
        return Conflict(text, status=answer.status)
    return ApiError(text, status=answer.status)
