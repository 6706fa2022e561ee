"""A web.config.yml in force: read again when it changes, and asked at every connection and every request."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import ssl
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import bcrypt

from burnline.app.web.config import WebConfig, read_web_config
from burnline.errors import SpecError

log = logging.getLogger(__name__)

REMEMBERED = 100  # pairs of name and password that were right: a scrape must not cost what a hash costs
LONGEST_PASSWORD = 72  # bytes: bcrypt looks at no more
_NOBODY = b"." * 53  # the hash for names that are not there, so that they take as long as those that are


class WebAccess:
    """What a file says now. While it cannot be used, what it last said stays in force, and the log says why.

    Raises: SpecError at the start, when there is nothing yet to stay in force.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._config = read_web_config(path)
        self._looked = _marks(self._config)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self.valid = True

    @property
    def config(self) -> WebConfig:
        """What the file says now."""
        with self._lock:
            if (looked := _marks(self._config)) != self._looked:
                self._looked = looked
                self._read_again()
            return self._config

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context to listen with, or None for plain HTTP. Which of both is decided at the start."""
        return None if self._config.tls is None else _Renewed(self)

    def has_token(self, authorization: str, token: str = "") -> bool:
        """Whether a header holds the file's bearer token, or `token`."""
        scheme, _, sent = authorization.partition(" ")
        given = sent.strip().encode(errors="replace")
        tokens = [each.encode() for each in (self.config.token, token) if each]
        same = [hmac.compare_digest(given, each) for each in tokens]
        return scheme.lower() == "bearer" and any(same)

    def remembers(self, authorization: str) -> bool:
        """Whether a header holds a name and password that were right before, and are still the ones of the file."""
        pair = _pair(authorization)
        return pair is not None and self._fingerprint(*pair) in self._right

    def knows(self, authorization: str) -> bool:
        """Whether a header holds a name of the file with its password. It takes as long as a bcrypt hash does."""
        pair = _pair(authorization)
        if pair is None:
            return False
        wanted, fingerprint = self._hash_of(pair[0]), self._fingerprint(*pair)
        if not bcrypt.checkpw(pair[1][:LONGEST_PASSWORD], wanted) or wanted.endswith(_NOBODY):
            return False
        self._right[fingerprint] = None
        while len(self._right) > REMEMBERED:
            self._right.popitem(last=False)
        return True

    def _hash_of(self, name: bytes) -> bytes:
        users = self.config.users
        found = users.get(name.decode(errors="replace"))
        return found or b"$2b$" + max((each[4:6] for each in users.values()), default=b"10") + b"$" + _NOBODY

    def _fingerprint(self, name: bytes, password: bytes) -> bytes:
        about = b"".join(hashlib.sha256(each).digest() for each in (name, password, self._hash_of(name)))
        return hmac.digest(self._key, about, "sha256")

    def _read_again(self) -> None:
        try:
            config = read_web_config(self._path)
        except SpecError as error:
            self.valid = False
            log.warning("web config cannot be used; what it said before stays", extra={"error": str(error)})
            return
        if (config.tls is None) != (self._config.tls is None):
            self.valid = False
            log.warning("web config: TLS is switched on or off by a start only", extra={"file": str(self._path)})
            return
        self._config, self._looked, self.valid = config, _marks(config), True
        log.info("web config read again", extra={"file": str(self._path)})


def _marks(config: WebConfig) -> tuple[object, ...]:
    return tuple(_mark(file) for file in config.files)


def _mark(file: Path) -> object:
    try:
        found = file.stat()
    except OSError as error:
        return error.errno
    return found.st_mtime_ns, found.st_size, found.st_ino


def _pair(authorization: str) -> tuple[bytes, bytes] | None:
    """The name and the password of a header; None where it is no `Basic` one."""
    scheme, _, sent = authorization.partition(" ")
    try:
        name, colon, password = base64.b64decode(sent.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (name, password) if scheme.lower() == "basic" and colon else None


class _Renewed(ssl.SSLContext):
    """Shakes every hand with the newest certificate and rules; those who are connected stay so."""

    _access: WebAccess

    def __new__(cls, _access: WebAccess) -> _Renewed:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, access: WebAccess) -> None:
        self._access = access

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        """What asyncio and uvloop ask for at each connection."""
        context = self._access.config.tls
        if context is None:  # `WebAccess` takes over no file that switches TLS off
            raise ssl.SSLError("no certificate")
        return context.wrap_bio(*given, **named)
