"""Words from outside: of a length, and of characters that every database takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from burnline.spec.text import PLAIN, plain
from burnline.spec.words import choice

__all__ = ["PLAIN", "Labels", "Reason", "Text", "Word", "plain"]

# Labels that burnline, or a scrape of it, sets itself: with another's a series would stand for what it is not.
OWN_LABELS = (
    *("service", "number", "job", "reason", "cause", "column", "behind", "le", "quantile"),
    *("collector", "instance"),
)


def _not_own(name: str) -> str:
    if name in OWN_LABELS or name.startswith("__"):
        raise ValueError(
            f"is set by burnline itself; accepted: any name but {choice(OWN_LABELS)}, and none that begins with __"
        )
    return name


Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=100), AfterValidator(_not_own)]
Labels = Annotated[dict[Label, Annotated[str, Field(max_length=200), PLAIN]], Field(max_length=5)]

Text = Annotated[str, PLAIN]
Word = Annotated[str, Field(max_length=200), PLAIN]
Reason = Annotated[str, Field(max_length=2000), PLAIN]
