"""What a drill is judged by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that should be so, whether it was, and what was found."""

    name: str
    ok: bool
    text: str
