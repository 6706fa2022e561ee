"""A token and an address with a password, of which no message may hold either."""

from __future__ import annotations

import logging
import re

log = logging.getLogger("burnline.client")
_LOGIN = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)


def bearer(token: str) -> dict[str, str]:
    """The header for a token, without the space and the newline around it that files end in; none for no token.

    A token that no header can hold is left out, and the log says so: an HTTP client would quote it.
    """
    token = token.strip()
    if not (token.isascii() and token.isprintable()):
        log.warning("the token is not sent: it holds a character that is none of printable ASCII")
        return {}
    return {"Authorization": f"Bearer {token}"} if token else {}


def shown_url(url: str) -> str:
    """The address as a message may show it, without its login."""
    return _LOGIN.sub(r"\1...@", url)
