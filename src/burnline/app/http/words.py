"""Words from outside: of a length, and of characters that every database takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field


def plain(text: str) -> str:
    """The text itself. Raises: ValueError when it holds what PostgreSQL or UTF-8 cannot."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("holds half of a character (a surrogate)")
    return text


PLAIN = AfterValidator(plain)  # after the length, which a schema does not show of what comes after it
Text = Annotated[str, PLAIN]
Word = Annotated[str, Field(max_length=200), PLAIN]
Reason = Annotated[str, Field(max_length=2000), PLAIN]
