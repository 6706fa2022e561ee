"""The draft of a post-mortem over HTTP; beside `http`, which knows no words for people."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from burnline.app.http.answers import Trouble, found
from burnline.app.http.api import NOT_FOUND, Number, Parts
from burnline.app.postmortem import gather
from burnline.app.postmortem_text import FORMS
from burnline.app.trace_links import Links
from burnline.store import incidents

Form = Literal["md", "html", "json"]
router = APIRouter(prefix="/v1", responses={status: {"model": Trouble} for status in (400, 408, 413, 422, 503)})


class Draft(BaseModel):
    """The draft of a post-mortem, whole, in one form."""

    format: str
    text: str


@router.get("/incidents/{incident_id}/postmortem", responses=NOT_FOUND)
def postmortem(incident_id: Number, app: Parts, form: Annotated[Form, Query(alias="format")] = "md") -> Draft:
    """What is on record of one incident, as the draft of a post-mortem."""
    with app.db.read() as tx:
        found(incidents.find_incident(tx, incident_id), f"no incident has the number {incident_id}")
        made = gather(tx, incident_id, app.specs, app.clock(), links=Links.of(app.settings))
    return Draft(format=form, text=FORMS[form](made))
