"""Where something stands in a file: the keys and list positions that lead to it."""

from __future__ import annotations

import re
from typing import NamedTuple

from burnline.spec.words import shown

Place = tuple[str | int, ...]
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,63}")


class Flaw(NamedTuple):
    """What is wrong at one place of a file; where the file is known, it becomes a `Problem` with a line."""

    place: Place
    message: str


def dotted(place: Place) -> str:
    """`slos[2].objective`; a key that is no plain word stands quoted in brackets."""
    written = ""
    for step in place:
        if isinstance(step, str) and _PLAIN_KEY.fullmatch(step):
            written += f".{step}" if written else step
        else:
            written += f"[{step if isinstance(step, int) else shown(step)}]"
    return written
