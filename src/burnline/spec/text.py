"""Text from outside that every database takes."""

from __future__ import annotations

from pydantic import AfterValidator


def plain(text: str) -> str:
    """The text itself. Raises: ValueError when it holds what PostgreSQL or UTF-8 cannot."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("holds half of a character (a surrogate)")
    return text


PLAIN = AfterValidator(plain)  # after the length, which a schema does not show of what comes after it
