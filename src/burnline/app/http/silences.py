"""Silences for programs: the JSON of Alertmanager's API, version 2."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from burnline.alerting.matchers import Matcher
from burnline.alerting.silences import (
    MAX_COMMENT,
    MAX_CREATOR,
    MAX_MATCHERS,
    MAX_NAME,
    MAX_VALUE,
    Silence,
    expire_silence,
    read_silence,
    set_silence,
)
from burnline.app.http.answers import Trouble, found
from burnline.app.http.api import NOT_FOUND, Parts
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import PLAIN
from burnline.store.silences import find_silence, silences

ID = Annotated[str, Path(max_length=64), PLAIN]
CHANGING = [Depends(require_token), Depends(refuse_cross_site)]
REFUSED: dict[int | str, dict[str, Any]] = {status: {"model": Trouble} for status in (400, 401, 403, 404, 409)}
router = APIRouter(
    prefix="/v1/silences", responses={status: {"model": Trouble} for status in (400, 408, 413, 422, 503)}
)


class MatcherBody(BaseModel):
    """A label and what its value must be; without `isEqual`, must not be."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME), PLAIN]
    value: Annotated[str, Field(max_length=MAX_VALUE), PLAIN]
    isRegex: bool = False
    isEqual: bool = True


class Status(BaseModel):
    """`pending`, `active` or `expired`."""

    state: str


class SilenceBody(BaseModel):
    """A silence to be kept; with an `id`, in place of the one that has it."""

    model_config = ConfigDict(extra="ignore")  # whoever sends back what was read sends `status` and `updatedAt` too

    id: Annotated[str, Field(max_length=64), PLAIN] = ""
    matchers: Annotated[list[MatcherBody], Field(min_length=1, max_length=MAX_MATCHERS)]
    startsAt: AwareDatetime | None = None
    endsAt: AwareDatetime
    createdBy: Annotated[str, Field(min_length=1, max_length=MAX_CREATOR), PLAIN]
    comment: Annotated[str, Field(min_length=1, max_length=MAX_COMMENT), PLAIN]


class SilenceView(BaseModel):
    """A silence on record."""

    id: str
    status: Status
    updatedAt: datetime
    comment: str
    createdBy: str
    endsAt: datetime
    matchers: list[MatcherBody]
    startsAt: datetime


class SilenceId(BaseModel):
    """The silence that was kept."""

    silenceID: str


@router.get("")
def list_silences(app: Parts) -> list[SilenceView]:
    """Every silence on record, the one that ends last first."""
    with app.db.read() as tx:
        kept = [read_silence(row) for row in silences(tx)]
    return [_view(each, app.clock()) for each in kept]


@router.get("/{silence_id}", responses=NOT_FOUND)
def silence(silence_id: ID, app: Parts) -> SilenceView:
    """One silence."""
    with app.db.read() as tx:
        row = found(find_silence(tx, silence_id), "no silence has this id")
    return _view(read_silence(row), app.clock())


@router.post("", dependencies=CHANGING, responses=REFUSED)
def keep(body: SilenceBody, app: Parts) -> SilenceId:
    """Keep certain alerts from people and runbooks until a moment."""
    now = app.clock()
    wanted = Silence(
        id=body.id,
        matchers=tuple(Matcher(each.name, each.value, each.isRegex, each.isEqual) for each in body.matchers),
        starts_at=_utc(body.startsAt or now),
        ends_at=_utc(body.endsAt),
        updated_at=now,
        created_by=body.createdBy,
        comment=body.comment,
    )
    try:
        return SilenceId(silenceID=app.db.write(partial(set_silence, wanted=wanted, now=now)))
    except KeyError as error:
        raise HTTPException(404, "no silence has this id") from error


@router.delete("/{silence_id}", dependencies=CHANGING, responses=REFUSED)
def expire(silence_id: ID, app: Parts) -> SilenceId:
    """End a silence now."""
    try:
        app.db.write(partial(expire_silence, silence_id=silence_id, now=app.clock()))
    except KeyError as error:
        raise HTTPException(404, "no silence has this id") from error
    return SilenceId(silenceID=silence_id)


def _view(silence: Silence, now: datetime) -> SilenceView:
    return SilenceView.model_validate(silence.as_json(now))


def _utc(value: datetime) -> datetime:
    if not 1970 <= value.year < 9000:
        raise HTTPException(422, "startsAt, endsAt: write a moment between 1970 and 9000")
    return value.astimezone(UTC)
