"""Answers for the controllers of others, which ask before they go on: Flagger's webhooks, Argo Rollouts' `web` metric.

These routes only answer and change nothing, so like every GET they need no token: Flagger cannot send one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field, field_validator

from burnline.app import release_views, views
from burnline.app.http.answers import Trouble, service_of
from burnline.app.http.api import NOT_FOUND, Parts
from burnline.app.http.words import PLAIN, Word, plain
from burnline.app.release_views import VerdictView
from burnline.events import GuardVerdict
from burnline.slo.policy import Releases
from burnline.spec.service import ServiceSpec

router = APIRouter(prefix="/v1/gates", responses={status: {"model": Trouble} for status in (400, 408, 413, 422, 503)})


class Gate(StrEnum):
    """Flagger's webhooks that are a question. HTTP 200 is yes (of `rollback`: roll back), anything else no."""

    ROLLOUT = "confirm-rollout"
    TRAFFIC = "confirm-traffic-increase"
    PROMOTION = "confirm-promotion"
    ROLLBACK = "rollback"


class FlaggerBody(BaseModel):
    """What Flagger posts. `metadata` is the webhook's own: `service` where ours has another name, and `version`."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(max_length=253), PLAIN] = ""
    namespace: Annotated[str, Field(max_length=253), PLAIN] = ""
    phase: Annotated[str, Field(max_length=100), PLAIN] = ""
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=100)

    @field_validator("metadata")
    @classmethod
    def _plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in ("service", "version"):
            plain(str(value.get(name, "")))
        return value

    @property
    def service(self) -> str:
        return str(self.metadata.get("service") or self.name)

    @property
    def version(self) -> str:
        return str(self.metadata.get("version") or "")


class Yes(BaseModel):
    """The answer, and why."""

    answer: str = "yes"
    why: str


@router.post("/flagger/{gate}", responses={status: {"model": Trouble} for status in (403, 404)})
def flagger(gate: Gate, body: FlaggerBody, app: Parts) -> Yes:
    """200 is yes; 403 is no, with the reason; 404 a service without a file, which is no as well."""
    spec = service_of(app, body.service)
    if gate is Gate.ROLLOUT:
        return _policy(app, spec)
    said = release_views.verdict(app.db, body.service, version=body.version)
    if _goes(gate, said):
        return Yes(why=said.why)
    raise HTTPException(403, f"no: {said.verdict}: {said.why}")


def _goes(gate: Gate, said: VerdictView) -> bool:
    """Traffic may grow while nothing is known to be bad and something is known; promotion needs every guard content."""
    if gate is Gate.ROLLBACK:
        return said.verdict is GuardVerdict.FAIL
    if gate is Gate.PROMOTION:
        return said.verdict is GuardVerdict.PASS
    return said.verdict in (GuardVerdict.PASS, GuardVerdict.INCONCLUSIVE)


def _policy(app: Parts, spec: ServiceSpec) -> Yes:
    policy = views.policy(app, spec, app.clock())
    if policy.releases != Releases.ALLOWED:
        raise HTTPException(403, f"no: releases are {policy.releases}: {'; '.join(policy.because)}")
    return Yes(why="the error-budget policy allows releases")


@router.get("/argo/{service}", responses=NOT_FOUND)
def argo(service: str, app: Parts, version: Word = "") -> VerdictView:
    """For Argo Rollouts' `web` metric: `verdict`, and `value` (1 pass, 0 fail, 0.5 neither)."""
    service_of(app, service)
    return release_views.verdict(app.db, service, version=version)
