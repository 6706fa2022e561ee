"""Where the sentences of a text begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator

# After a full stop only before a space, so that 3.5 and example.com stay whole; not after one letter or a title.
ENDS = re.compile(r"(?<!\b[A-Za-z])(?<!\b[DMS]r)(?<!\bM[rs]s)[.!?][\"')\]\u201d]*(?=\s)|\n+|[\u3002\uff01\uff1f\u0964]")


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence or line, without the white space around it.

    >>> text = "It opened in 1932. Dr. Bradfield built it."
    >>> [text[start:end] for start, end in sentences(text)]
    ['It opened in 1932.', 'Dr. Bradfield built it.']
    """
    begin = 0
    for found in ENDS.finditer(text):
        yield from _trimmed(text, begin, found.end())
        begin = found.end()
    yield from _trimmed(text, begin, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if stripped := piece.strip():
        begin = start + piece.index(stripped[0])
        yield begin, begin + len(stripped)
