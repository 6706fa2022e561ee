"""The door for security events: for guardrails and gateways that do not speak OpenTelemetry."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from burnline.app.http.api import Parts
from burnline.app.http.business import REFUSED, Kept
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.http.words import PLAIN
from burnline.collectors.security.door import Asked, Reported, accept_security
from burnline.errors import PayloadError

Kind = Literal[
    "authentication_failure",
    "authorization_failure",
    "rate_limited",
    "invalid_input",
    "attack",
    "prompt_injection",
    "jailbreak",
    "pii",
    "data_exfiltration",
    "canary_token",
    "tool_misuse",
    "unsigned_artifact",
    "unknown_artifact",
]
Count = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=500), PLAIN]
router = APIRouter(dependencies=[Depends(require_token), Depends(refuse_cross_site)], responses=REFUSED)


class SecurityEvent(BaseModel):
    """Events of one kind; never what was said."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    count: Count = 1


class Queries(BaseModel):
    """Queries of one principal, and what they were about: ids or hashes of inputs."""

    model_config = ConfigDict(extra="forbid")

    principal: Name
    count: Count = 1
    inputs: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)


class Report(BaseModel):
    """Counts since the last posting; `id`: sent again, it counts once."""

    model_config = ConfigDict(extra="forbid")

    service: Annotated[str, Field(max_length=63), PLAIN]
    id: Annotated[str, Field(max_length=200), PLAIN] = ""
    events: Annotated[list[SecurityEvent], Field(max_length=1000)] = Field(default_factory=list)
    queries: Annotated[list[Queries], Field(max_length=1000)] = Field(default_factory=list)


@router.post("/v1/security")
def security(body: Report, app: Parts) -> Kept:
    """Count security events and queries; they are durable when this answers."""
    if app.spec(body.service) is None:
        raise HTTPException(404, "no service has this name")
    if not body.events and not body.queries:
        raise PayloadError('nothing was posted; write counts into "events" or "queries"')
    asked = [Asked(each.principal, each.count, each.inputs) for each in body.queries]
    reported = Reported(body.service, body.id, [(each.kind, each.count) for each in body.events], asked)
    return Kept(accepted=accept_security(app.db, reported, app.clock()))
