"""How a page is got into: secrets from files, read anew for each turn, and kept out of what is said."""

from __future__ import annotations

import base64
import re
import ssl
from functools import cache
from pathlib import Path

import httpx

from burnline.errors import CollectorError
from burnline.spec.collect import AccessSpec
from burnline.spec.regular import read_regular
from burnline.spec.secret import LARGEST_BYTES, hide

_TOKEN = re.compile(r"[!-~]+")


@cache
def system_trust() -> ssl.SSLContext:
    """The authorities that are trusted, once for all pages: read for each, they are 700 KiB and 50 ms of it."""
    return httpx.create_ssl_context(trust_env=False)


class Access:
    """What one page asks for; a file that changes counts from the next turn on."""

    def __init__(self, spec: AccessSpec) -> None:
        self._spec = spec
        self._secrets: set[str] = set()
        self._trust: ssl.SSLContext | None = None
        self._read: tuple[int, ...] = ()  # which version of the file of authorities

    @property
    def file(self) -> str:
        """Where the secret is; empty where nothing is sent."""
        if self._spec.basic_auth is not None:
            return self._spec.basic_auth.password_file
        return self._spec.bearer_token_file or ""

    def headers(self) -> dict[str, str]:
        """What is sent of who asks.

        Raises: CollectorError naming a file, never what it holds.
        """
        if self._spec.bearer_token_file is not None:
            token = _secret(self._spec.bearer_token_file)
            if not _TOKEN.fullmatch(token):
                raise CollectorError(f"{self._spec.bearer_token_file} holds no token: one word of printable characters")
            self._secrets = {token}
            return {"Authorization": f"Bearer {token}"}
        if self._spec.basic_auth is not None:
            password = _secret(self._spec.basic_auth.password_file)
            pair = base64.b64encode(f"{self._spec.basic_auth.username}:{password}".encode()).decode()
            self._secrets = {password, pair}
            return {"Authorization": f"Basic {pair}"}
        return {}

    def trust(self) -> ssl.SSLContext:
        """Whom to trust; the same object as long as the file of authorities is the same.

        Raises: CollectorError naming the file.
        """
        tls = self._spec.tls
        if tls is None or (tls.ca is None and not tls.insecure_skip_verify):
            return system_trust()
        seen = _version(tls.ca) if tls.ca is not None else ()
        if self._trust is None or seen != self._read:
            self._trust = _context(tls.ca, verify=not tls.insecure_skip_verify)
            self._read = seen
        return self._trust

    def scrub(self, text: str) -> str:
        """The text without what was sent; whoever got it may send it back."""
        return hide(text, self._secrets)


def _secret(file: str) -> str:
    try:
        secret = read_regular(file, LARGEST_BYTES).decode().strip()
    except FileNotFoundError as error:
        raise CollectorError(f"{file} is not there, or no file") from error
    except OSError as error:
        raise CollectorError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CollectorError(f"{file} is not UTF-8") from None  # the error itself holds the secret
    except ValueError as error:
        raise CollectorError(f"{file} {error}") from error
    if not secret:
        raise CollectorError(f"{file} is empty")
    return secret


def _version(file: str) -> tuple[int, ...]:
    try:
        found = Path(file).stat()
    except OSError as error:
        raise CollectorError(f"{file} cannot be read: {error.strerror}") from error
    return found.st_ino, found.st_mtime_ns, found.st_size


def _context(ca: str | None, *, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context() if ca is None else _trusting(ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no certificates in PEM"
        raise CollectorError(f"{ca} names no authorities: {why}") from error
