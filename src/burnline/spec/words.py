"""How messages about a file speak: the value found, cut short; what would be accepted; the nearest word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

_LONGEST = 60
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOGIN = re.compile(r".*@", re.DOTALL)  # to the last one: a password may hold any character that was not escaped
_PORT = re.compile(r"^([^/:\[]*):(?!\d*(/|$)).*", re.DOTALL)  # none: the start of a password whose @ is missing


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


def without_login(url: str) -> str:
    """A URL, however wrong, as a message may show it: `...` in place of what may be a password."""
    scheme = _SCHEME.match(url)
    start, rest = (scheme[0], url[scheme.end() :]) if scheme else ("", url)
    rest, query, _ = _LOGIN.sub("...@", rest).partition("?")
    rest = _PORT.sub(r"\1:...", rest) if start else rest
    return start + rest + ("?..." if query else "")


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
