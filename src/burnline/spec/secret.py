"""What a secret's place holds: read when needed, never kept, never part of a message."""

from __future__ import annotations

import os
from collections.abc import Iterable

from burnline.errors import SecretError
from burnline.spec.regular import read_regular

LARGEST_BYTES = 64 * 1024
HIDDEN = "..."


def read_secret(reference: str) -> str:
    """What `env:NAME` or `file:/path` holds, without the newline at its end.

    Raises: SecretError naming the reference, never its content.
    """
    place, _, name = reference.partition(":")
    try:
        value = os.environ[name] if place == "env" else read_regular(name, LARGEST_BYTES).decode()
    except (KeyError, OSError, ValueError) as error:
        raise SecretError(f"the secret {reference} is not there") from error
    if not (secret := value.rstrip("\r\n")):
        raise SecretError(f"the secret {reference} is empty")
    return secret


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text with dots for each secret in it; who was given one may quote it."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        text = text.replace(secret, HIDDEN)
    return text
