"""Releases over HTTP: for people's tools, and as a webhook for CI systems (the same JSON)."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from burnline.app import release_views
from burnline.app.http.answers import Trouble, found, service_of
from burnline.app.http.api import NOT_FOUND, Limit, Number, Parts
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import Reason, Word
from burnline.app.release_views import ReleaseLine, ReleaseView, VerdictView
from burnline.errors import DecisionRefused
from burnline.runbooks.releases.registry import Start

LARGEST_LINEAGE = 64 * 1024  # characters of JSON
DEEPEST_LINEAGE = 32  # lists and mappings in each other; pydantic cannot write more than 255
GUARDED = [Depends(require_token), Depends(refuse_cross_site)]
REFUSED: dict[int | str, dict[str, Any]] = {status: {"model": Trouble} for status in (401, 403, 409)}

router = APIRouter(prefix="/v1", responses={status: {"model": Trouble} for status in (400, 408, 413, 422, 503)})


class StartBody(BaseModel):
    """A release that begins.

    Attributes:
        previous: the version to go back to; left out, the one that serves now.
        commit, data, environment, seeds, metrics: its lineage; `extra` is kept with it.
        approved_by: another person, where the error-budget policy asks for one.
        override: why it goes on although the error budget is frozen.
    """

    model_config = ConfigDict(extra="forbid")

    service: Word
    version: Word
    by: Word
    previous: Word = ""
    commit: Word = ""
    data: Word = ""
    environment: Word = ""
    seeds: list[int | str] = Field(default_factory=list, max_length=100)
    metrics: dict[Word, FiniteFloat | str] = Field(default_factory=dict, max_length=200)
    extra: dict[Word, Any] = Field(default_factory=dict, max_length=100)
    approved_by: Word = ""
    override: Reason = ""

    def wish(self) -> Start:
        """Raises: DecisionRefused when the lineage is too large or too deep, or is nothing that can be kept."""
        written = {name: getattr(self, name) for name in ("commit", "data", "environment", "seeds", "metrics", "extra")}
        lineage = {name: value for name, value in written.items() if value}
        _check_kept(lineage)
        own = {
            name: getattr(self, name) for name in ("service", "version", "by", "previous", "approved_by", "override")
        }
        return Start(**own, lineage=lineage)


def _check_kept(lineage: dict[str, Any]) -> None:
    try:
        text = json.dumps(lineage, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise DecisionRefused(f"the lineage cannot be kept: {type(error).__name__}: write plain JSON") from error
    if "\\u0000" in text:
        raise DecisionRefused("the lineage holds a NUL character")
    if len(text) > LARGEST_LINEAGE:
        raise DecisionRefused(f"the lineage is larger than {LARGEST_LINEAGE:,} characters: send references")
    if _depth(lineage) > DEEPEST_LINEAGE:
        raise DecisionRefused(f"the lineage is nested deeper than {DEEPEST_LINEAGE}: send references")


def _depth(value: Any) -> int:
    """How many lists and mappings lie within each other, at most."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


class PromoteBody(BaseModel):
    """Who promotes, and why where a guard is not content."""

    model_config = ConfigDict(extra="forbid")

    by: Word
    reason: Reason = ""
    approved_by: Word = ""
    override: Reason = ""


class AbortBody(BaseModel):
    """Who takes it back, and why."""

    model_config = ConfigDict(extra="forbid")

    by: Word
    reason: Reason = ""


@router.get("/releases")
def releases(app: Parts, service: Word | None = None, limit: Limit = 50) -> list[ReleaseLine]:
    """Releases, newest first."""
    return release_views.lines(app.db, service=service, limit=limit)


@router.post("/releases", dependencies=GUARDED, responses=REFUSED)
def start(body: StartBody, app: Parts) -> ReleaseView:
    """Begin a release. The same body sent again answers with the release that is under way."""
    now = app.clock()
    begun = app.releases.registry(now).start(body.wish(), now)
    return _view(app, begun.id)


@router.get("/releases/{release_id}", responses=NOT_FOUND)
def release(release_id: Number, app: Parts) -> ReleaseView:
    """One release with its guards and its record."""
    return _view(app, release_id)


@router.post("/releases/{release_id}/promote", dependencies=GUARDED, responses=REFUSED)
def promote(release_id: Number, body: PromoteBody, app: Parts) -> ReleaseView:
    """Give the new version everything now."""
    now = app.clock()
    app.releases.registry(now).promote(release_id, **body.model_dump(), now=now)
    return _view(app, release_id)


@router.post("/releases/{release_id}/abort", dependencies=GUARDED, responses=REFUSED)
def abort(release_id: Number, body: AbortBody, app: Parts) -> ReleaseView:
    """Take the new version back."""
    now = app.clock()
    app.releases.registry(now).abort(release_id, **body.model_dump(), now=now)
    return _view(app, release_id)


@router.get("/services/{name}/verdict", responses=NOT_FOUND)
def verdict(name: str, app: Parts, version: Word = "") -> VerdictView:
    """What the guards of the newest release say: pass, fail, inconclusive or no_data."""
    service_of(app, name)
    return release_views.verdict(app.db, name, version=version)


def _view(app: Parts, release_id: int) -> ReleaseView:
    return found(release_views.view(app.db, release_id), f"no release has the number {release_id}")
