"""Words from outside: of a length, and of characters that every database takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from burnline.spec.text import PLAIN, plain

__all__ = ["PLAIN", "Reason", "Text", "Word", "plain"]


Text = Annotated[str, PLAIN]
Word = Annotated[str, Field(max_length=200), PLAIN]
Reason = Annotated[str, Field(max_length=2000), PLAIN]
