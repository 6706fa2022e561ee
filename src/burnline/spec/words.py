"""How messages about a file speak: the value found, cut short; what would be accepted; the nearest word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_LONGEST = 60


def shown(value: Any) -> str:
    """The value as a message shows it: on one line, of bounded length."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    written = repr(value)
    return written if len(written) <= _LONGEST else f"{written[: _LONGEST - 4]}...{written[-1]}"


def choice(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def did_you_mean(word: Any, accepted: Iterable[str]) -> str:
    """` did you mean 'objective'?` with a space before it, or nothing when no word is near."""
    words = list(accepted)
    if not isinstance(word, str) or len(word) > _LONGEST or word in words:
        return ""
    near = get_close_matches(word, words, n=1)
    return f" did you mean {near[0]!r}?" if near else ""
