"""The Kubernetes API over plain REST: one request at a time, each bounded, its failure said in words.

What a failure means: 409, and 422 to a patch with a `test`, somebody changed the object meanwhile (Conflict);
429 and 5xx may pass; every other refusal is permanent; no answer to a change leaves it in doubt.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from burnline.errors import ActionError, InDoubt
from burnline.runbooks.actions.kubernetes.objects import Object, Page
from burnline.runbooks.actions.outbound import Deadline, resolve
from burnline.runbooks.actions.secret import read_secret
from burnline.spec.kubernetes import ClusterSpec
from burnline.spec.words import shown

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where a pod finds who it is
MANAGER = "burnline"  # under which our changes stand in `managedFields`
MAX_ANSWER_BYTES = 16 * 1024 * 1024
PAGE = 500  # objects per part of a list
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
        super().__init__(message, permanent=status not in (409, 422, 429) and status < 500)


class Conflict(ApiError):
    """Somebody changed the object since it was read: read it again."""


class Status(BaseModel):
    """What the API server answers instead of an object."""

    message: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, and all of its body."""

    status: int
    body: bytes


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
        shown_as = f"{method} {path}"
        reply = self._send(method, url, shown_as, token=token, content=content, form=form)
        if reply.status == 401 and (fresh := self._token()) != token:  # it was rotated under us
            reply = self._send(method, url, shown_as, token=fresh, content=content, form=form)
        if 200 <= reply.status < 300:
            return reply.body
        raise _refusal(method, shown_as, reply)

    def _send(self, method: str, url: str, shown_as: str, *, token: str, content: bytes, form: str) -> Reply:
        parts = urlsplit(url)
        host, secure = parts.hostname or "", parts.scheme == "https"
        pinned = httpx.URL(url).copy_with(host=resolve(host, parts.port or (443 if secure else 80)))
        headers = {
            "Host": parts.netloc,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": form,
        }
        if token:
            headers["Authorization"] = f"Bearer {token}"
        trust, seconds = self._trusted() if secure else False, self._timeout.total_seconds()
        try:
            with (
                Deadline(self._timeout).kept() as deadline,
                httpx.Client(timeout=seconds, verify=trust, follow_redirects=False, trust_env=False) as client,
                client.stream(
                    method,
                    pinned,
                    headers=headers,
                    content=content,
                    extensions={"sni_hostname": host, "trace": deadline.watch},
                ) as response,
            ):
                reply = Reply(response.status_code, _body(shown_as, response))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ActionError(f"{shown_as}: no connection: {_reason(error)}", permanent=False) from error
        except httpx.HTTPError as error:
            late = deadline.passed or isinstance(error, httpx.TimeoutException)
            why = f"no answer within {seconds:g} s" if late else f"no answer: {_reason(error)}"
            raise _unanswered(method, f"{shown_as}: {why}") from error
        if deadline.passed:  # an answer without a length may have been cut
            raise _unanswered(method, f"{shown_as}: no whole answer within {seconds:g} s")
        return reply

    def _base(self) -> str:
        if self._cluster.api is not None:
            return self._cluster.api.rstrip("/")
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host:
            raise ActionError("not in a pod: write `cluster.api` in the service file", permanent=True)
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    def _token(self) -> str:
        if self._cluster.token is not None:
            return read_secret(self._cluster.token)
        return "" if self._cluster.api is not None else read_secret(f"file:{SERVICE_ACCOUNT}/token")

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


def _body(shown_as: str, response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():  # raw: a small gzip body cannot swell
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise ActionError(f"{shown_as}: answered more than {MAX_ANSWER_BYTES >> 20} MiB", permanent=True)
    return bytes(body)


def _parsed(path: str, body: bytes, model: type[T]) -> T:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its start"
        raise ActionError(f"GET {path}: the answer is wrong at {where}: {first['msg']}", permanent=True) from error


def _refusal(method: str, shown_as: str, reply: Reply) -> ActionError:
    try:
        said = Status.model_validate_json(reply.body).message
    except ValidationError:
        said = ""
    quoted = " ".join(said.split())[:MAX_QUOTE]
    text = f"{shown_as}: answered {reply.status}" + (f": {quoted}" if quoted.isprintable() and quoted else "")
    if 300 <= reply.status < 400:
        text += "; redirects are not followed"
    if reply.status == 504 and method != "GET":
        return InDoubt(text)
    if reply.status in (409, 422) and method != "GET":
        return Conflict(text, status=reply.status)
    return ApiError(text, status=reply.status)


def _unanswered(method: str, text: str) -> ActionError:
    return ActionError(text, permanent=False) if method == "GET" else InDoubt(text)


def _reason(error: Exception) -> str:
    return shown(str(error)) if str(error) else type(error).__name__
