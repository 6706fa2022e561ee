"""The register of what burnline measures itself and passes on: one name, one help text; `_total` means counter."""

from __future__ import annotations

MEASURED: dict[str, str] = {}  # name -> help; filled by the modules beside this one as they are imported


def measured(name: str, text: str) -> str:
    """Enter `name`, a series' full name with its unit, and give it back; `text` names the labels in braces."""
    if name in MEASURED:
        raise ValueError(f"{name} is measured twice")
    MEASURED[name] = text
    return name
