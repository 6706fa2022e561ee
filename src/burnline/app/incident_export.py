"""`burnline incident export`: gather a post-mortem's draft and write it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from burnline.app.commands import fetch
from burnline.app.postmortem import gather
from burnline.app.postmortem_text import FORMS
from burnline.app.services import load_checked
from burnline.app.trace_links import Links
from burnline.errors import BurnlineError
from burnline.settings import read_settings
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice, without_login
from burnline.store.database import reading


def export_incident(
    incident_id: int, *, database: str, server: str, services: Path | None, form: str, out: Path | None
) -> None:
    """Write the post-mortem's draft to `out`, or to stdout; a `server` makes it, where one is given.

    Raises: BurnlineError for an incident or form that is none, StoreError when nothing can be read.
    """
    if form not in FORMS:
        raise BurnlineError(f"--format: {form!r} is none; write {choice(FORMS)}")
    text = _asked(server, incident_id, form) if server else _made(database, services, incident_id, form)
    if out is None:
        sys.stdout.write(text)
    else:
        out.write_text(text, encoding="utf-8")


def _asked(server: str, incident_id: int, form: str) -> str:
    answer = fetch(server, f"/v1/incidents/{incident_id}/postmortem?format={form}")
    if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
        raise BurnlineError(f"{without_login(server)} answered no post-mortem")
    return str(answer["text"])


def _made(database: str, services: Path | None, incident_id: int, form: str) -> str:
    settings = read_settings()
    specs, trouble = _specs(services or settings.services)
    with reading(database or settings.database) as tx:
        links = Links.of(settings)
        return FORMS[form](gather(tx, incident_id, specs, datetime.now(UTC), trouble=trouble, links=links))


def _specs(path: Path) -> tuple[Sequence[ServiceSpec], str]:
    """The service files, or why they cannot be read: an incident can be told without them."""
    try:
        return load_checked(path), ""
    except (BurnlineError, OSError) as error:
        return (), f"service files cannot be read: {str(error).splitlines()[0]}"
