"""The door for numbers of the business."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from burnline.app.http.api import Parts, Trouble
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import PLAIN
from burnline.collectors.business import Numbers, accept_numbers

Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=100)]
Value = Annotated[str, Field(max_length=200), PLAIN]
Amounts = Annotated[dict[Annotated[str, Field(max_length=63), PLAIN], float], Field(max_length=100)]
REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": Trouble} for status in (400, 401, 403, 404, 408, 413, 422, 503)
}
router = APIRouter(dependencies=[Depends(require_token), Depends(refuse_cross_site)], responses=REFUSED)


class Posting(BaseModel):
    """Numbers of one service; `add` for those that add up, `set` for those that have a value."""

    model_config = ConfigDict(extra="forbid")

    service: Annotated[str, Field(max_length=63), PLAIN]
    id: Annotated[str, Field(max_length=200), PLAIN] = ""
    add: Amounts = Field(default_factory=dict)
    set: Amounts = Field(default_factory=dict)
    labels: Annotated[dict[Label, Value], Field(max_length=5)] = Field(default_factory=dict)


class Kept(BaseModel):
    """`accepted` is false when a posting with this id was kept before: it counts once."""

    accepted: bool


@router.post("/v1/business")
def business(body: Posting, app: Parts) -> Kept:
    """Take numbers of the business; they are durable when this answers."""
    spec = app.spec(body.service)
    if spec is None:
        raise HTTPException(404, "no service has this name")
    posted = Numbers(body.service, body.id, body.add, body.set, body.labels)
    return Kept(accepted=accept_numbers(app.db, spec, posted, app.clock()))
