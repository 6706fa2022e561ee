"""The door for numbers of the business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from burnline.app.http.answers import service_of
from burnline.app.http.api import Parts
from burnline.app.http.door import (
    Each,
    Id,
    Kept,
    Key,
    Wrong,
    door_router,
    kept,
    key_of,
    refuse_all,
    wrong_items,
)
from burnline.app.http.words import PLAIN, Labels
from burnline.collectors.business import Numbers, accept_numbers, fault_of
from burnline.errors import PayloadWrong
from burnline.spec.place import Flaw
from burnline.spec.service import ServiceSpec

Amount = Annotated[float | Wrong, Each(Annotated[float, Field(strict=True)])]
Amounts = Annotated[dict[Annotated[str, Field(max_length=63), PLAIN], Amount], Field(max_length=100)]
router = door_router()


class Posting(BaseModel):
    """Numbers of one service; `add` for those that add up, `set` for those that have a value."""

    model_config = ConfigDict(extra="forbid")

    service: Annotated[str, Field(max_length=63), PLAIN]
    id: Id = ""
    add: Amounts = Field(default_factory=dict)
    set: Amounts = Field(default_factory=dict)
    labels: Labels = Field(default_factory=dict)


@router.post("/v1/business")
def business(body: Posting, app: Parts, key: Key = "") -> Kept:
    """Take numbers of the business; they are durable when this answers. What is wrong with one costs that one alone."""
    spec = service_of(app, body.service)
    if not body.add and not body.set:
        raise PayloadWrong('nothing was posted; write numbers into "add" or "set", as in {"add": {"orders": 3}}')
    add, put = _judged(spec, body.add, adds=True), _judged(spec, body.set, adds=False)
    wrong = wrong_items("add", add) + wrong_items("set", put)
    if len(wrong) == len(add) + len(put):
        refuse_all(wrong)
    posted = Numbers(body.service, key_of(body.id, key), _good(add), _good(put), body.labels)
    return kept(accept_numbers(app.db, posted, app.clock()), wrong)


def _judged(spec: ServiceSpec, values: Mapping[str, float | Wrong], *, adds: bool) -> dict[str, float | Wrong]:
    judged = dict(values)
    for name, value in values.items():
        if not isinstance(value, Wrong) and (fault := fault_of(spec, name, value, adds=adds)):
            judged[name] = Wrong(Flaw((), fault))
    return judged


def _good(values: Mapping[str, float | Wrong]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not isinstance(value, Wrong)}
