"""What the parts of a service are called whose signals are told apart: versions, shadows, values of slices."""

from __future__ import annotations

WHOLE = ""  # all events, and those whose version nobody named
VERSION = "version"
SHADOW = "shadow"
LONGEST = 64  # characters of a value


def version_part(version: str) -> str:
    """The part of one version.

    >>> version_part("7"), version_part("")
    ('version=7', '')
    """
    return f"{VERSION}={version[:LONGEST]}" if version else WHOLE


def shadow_part(version: str) -> str:
    """The part of a version whose answers nobody gets: it is in no other part, nor in the whole.

    >>> shadow_part("8")
    'shadow=8'
    """
    return f"{SHADOW}={version[:LONGEST]}"


def beside(part: str) -> str:
    """The part that compares a version with the others: what is found of it is how much worse it is than they are.

    >>> beside("version=7")
    'version=7/others'
    """
    return f"{part}/others"


def is_version(part: str) -> bool:
    """Whether a part is one of those that every event belongs to exactly one of."""
    return part == WHOLE or part.startswith(f"{VERSION}=")


def is_shadow(part: str) -> bool:
    """Whether a part is that of a shadow, none of whose events is in the whole."""
    return part.startswith(f"{SHADOW}=")
