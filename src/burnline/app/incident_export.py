"""`burnline incident export`: gather a post-mortem's draft and write it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from burnline.app.postmortem import PostMortem, gather, to_json
from burnline.app.postmortem_text import to_html, to_markdown
from burnline.app.services import load_checked
from burnline.errors import BurnlineError
from burnline.settings import read_settings
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice
from burnline.store.database import reading

FORMS: Mapping[str, Callable[[PostMortem], str]] = {"md": to_markdown, "html": to_html, "json": to_json}


def export_incident(incident_id: int, *, database: str, services: Path | None, form: str, out: Path | None) -> None:
    """Write the post-mortem's draft to `out`, or to stdout.

    Raises: BurnlineError for an incident or form that is none, StoreError when nothing can be read.
    """
    if form not in FORMS:
        raise BurnlineError(f"--format: {form!r} is none; write {choice(FORMS)}")
    settings = read_settings()
    specs, trouble = _specs(services or settings.services)
    with reading(database or settings.database) as tx:
        made = gather(tx, incident_id, specs, datetime.now(UTC), trouble=trouble)
    text = FORMS[form](made)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def _specs(path: Path) -> tuple[Sequence[ServiceSpec], str]:
    """The service files, or why they cannot be read: an incident can be told without them."""
    try:
        return load_checked(path), ""
    except (BurnlineError, OSError) as error:
        return (), f"service files cannot be read: {str(error).splitlines()[0]}"
