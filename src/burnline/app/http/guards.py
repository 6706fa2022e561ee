"""Who may do what: our names only, a token for what changes something, and no cross-site requests."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from burnline.app.http.bodies import SAFE

_HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:]*)(:\d*)?")


class AllowedHosts:
    """Refuses requests for a name that is not in `names` (400): others' names can be made to lead here (DNS rebinding).

    Not Starlette's own: it redirects to `www.`, and does not say which setting lets a name in.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = Headers(scope=scope).getlist("host") if scope["type"] == "http" else []
        host = hosts[0] if hosts else ""
        if scope["type"] != "http" or (len(hosts) < 2 and self._is_ours(host)):
            await self._app(scope, receive, send)
            return
        if len(hosts) > 1:  # RFC 9112 3.2: whoever is before us may have looked at the other one
            await JSONResponse({"error": "send one Host header, not several"}, 400)(scope, receive, send)
            return
        message = f"{host[:100]!r} is not a name of this burnline: add it to BURNLINE_ALLOWED_HOSTS if it should be"
        await JSONResponse({"error": message}, 400)(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host.lower())
        if "*" in self._names or not found:
            return "*" in self._names
        name = found["name"]
        return name in self._names or any(f"*.{parent}" in self._names for parent in _parents(name))


def _parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[n:]) for n in range(1, len(labels))]


class TokenFirst:
    """Refuses what changes something below /v1/ and came without the token (401) before its body is read.

    The routes ask for the token as well, but FastAPI reads the body before it asks them. `/v1/gates/` needs none.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE and _is_guarded(scope["path"]):
            try:
                await require_token(Request(scope))
            except HTTPException as error:
                await JSONResponse({"error": error.detail}, error.status_code, error.headers)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_guarded(path: str) -> bool:
    return path.startswith(("/v1/", "/api/v1/")) and not path.startswith("/v1/gates/")


async def require_token(request: Request) -> None:
    """Refuse a request without the token in its header, where one is set.

    Raises: HTTPException 401.
    """
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    check_token(request, sent if scheme.lower() == "bearer" else "")


def check_token(request: Request, sent: str) -> None:
    """Refuse a request that sent another token than the one that is set; without one set, anything goes.

    Raises: HTTPException 401.
    """
    token: str = request.app.state.burnline.settings.token
    if token and not hmac.compare_digest(sent.encode(errors="replace"), token.encode()):
        raise HTTPException(401, "send Authorization: Bearer <BURNLINE_TOKEN>", {"WWW-Authenticate": "Bearer"})


async def refuse_cross_site(request: Request) -> None:
    """Refuse a browser's request from another site (CSRF): programs send neither header.

    Raises: HTTPException 403.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc != request.headers.get("host")):
        raise HTTPException(403, "this came from another site")
