"""Who may do what: a token for what changes something, and no cross-site requests."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.requests import Request


def require_token(request: Request) -> None:
    """Refuse a request without the token in its header, where one is set.

    Raises: HTTPException 401.
    """
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    check_token(request, sent if scheme == "Bearer" else "")


def check_token(request: Request, sent: str) -> None:
    """Refuse a request that sent another token than the one that is set; without one set, anything goes.

    Raises: HTTPException 401.
    """
    token: str = request.app.state.burnline.settings.token
    if token and not hmac.compare_digest(sent.encode(errors="replace"), token.encode()):
        raise HTTPException(401, "send Authorization: Bearer <BURNLINE_TOKEN>", {"WWW-Authenticate": "Bearer"})


def refuse_cross_site(request: Request) -> None:
    """Refuse a browser's request from another site (CSRF): programs send neither header.

    Raises: HTTPException 403.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    if site not in ("same-origin", "none") or (origin and urlsplit(origin).netloc != request.headers.get("host")):
        raise HTTPException(403, "this came from another site")
