"""How a queue is got into: secrets by reference, read anew for each look, and kept out of what is said."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from burnline.errors import CollectorError, SecretError
from burnline.spec.queue import Watched
from burnline.spec.secret import hide, read_secret
from burnline.spec.words import without_login


@dataclass(frozen=True, slots=True)
class Login:
    """The way in at this moment; a client that was made with another one is of no use any more."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class Keys:
    """Reads the references of one queue and remembers what must not be repeated."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def login(self, spec: Watched, url: str) -> Login:
        """The address, and the user and password the spec names. Raises: CollectorError naming a reference."""
        return Login(self.address(url), self.read(spec.user), self.read(spec.password))

    def address(self, url: str) -> str:
        """`url`, or what is kept at the place it names. Raises: CollectorError."""
        if not url.startswith(("env:", "file:")):
            return url
        held = self._read(url)
        try:
            parts = urlsplit(held)
            secret = (parts.password, unquote(parts.password or ""), parts.query)
        except ValueError:
            secret = (held, "", "")
        self._secrets.update(word for word in (held, *secret) if word)
        return held

    def read(self, reference: str | None) -> str | None:
        """What the reference holds; None without one. Raises: CollectorError naming the reference."""
        if reference is None:
            return None
        value = self._read(reference)
        self._secrets.add(value)
        return value

    def scrub(self, text: str) -> str:
        """The text without any secret that was read; a client library may quote what it was given."""
        return hide(text, self._secrets)

    def _read(self, reference: str) -> str:
        try:
            return read_secret(reference)
        except SecretError as error:
            raise CollectorError(str(error)) from error


def trust(ca: str) -> ssl.SSLContext:
    """TLS that believes the authorities in a file alone. Raises: CollectorError naming the file."""
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise CollectorError(f"{ca} holds no certificate authorities: {error}") from error


def place(url: str) -> str:
    """Where it is, for people: the reference, or the address without what may be a login."""
    return url if url.startswith(("env:", "file:")) else without_login(url)


def missing(library: str, extra: str) -> CollectorError:
    """What to say when an optional library is not installed."""
    return CollectorError(f"needs the library {library}: pip install 'burnline[{extra}]'")
