"""Secrets by reference only: read when needed, never kept, never part of a message."""

from __future__ import annotations

import os
from pathlib import Path

from burnline.errors import ActionError


def read_secret(reference: str) -> str:
    """What `env:NAME` or `file:/path` holds, without the newline at its end.

    Raises: ActionError naming the reference, never its content.
    """
    place, _, name = reference.partition(":")
    try:
        value = os.environ[name] if place == "env" else Path(name).read_text(encoding="utf-8")
    except (KeyError, OSError, UnicodeDecodeError) as error:
        raise ActionError(f"the secret {reference} is not there", permanent=True) from error
    if not (secret := value.rstrip("\r\n")):
        raise ActionError(f"the secret {reference} is empty", permanent=True)
    return secret
