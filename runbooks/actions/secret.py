"""Secrets by reference only, as hooks and messages want them: a missing one is a failure that no retry mends."""

from __future__ import annotations

from burnline.errors import ActionError, SecretError
from burnline.spec import secret


def read_secret(reference: str) -> str:
    """What `env:NAME` or `file:/path` holds, without the newline at its end.

    Raises: ActionError naming the reference, never its content.
    """
    try:
        return secret.read_secret(reference)
    except SecretError as error:
        raise ActionError(str(error), permanent=True) from error
