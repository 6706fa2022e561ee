"""The door for security events: for guardrails and gateways that do not speak OpenTelemetry."""

from __future__ import annotations

from typing import Annotated, Literal

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
from burnline.app.http.words import PLAIN
from burnline.collectors.security.door import Asked, Reported, accept_security
from burnline.errors import PayloadWrong

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
router = door_router()


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
    id: Id = ""
    events: Annotated[list[Annotated[SecurityEvent | Wrong, Each(SecurityEvent)]], Field(max_length=1000)] = Field(
        default_factory=list
    )
    queries: Annotated[list[Annotated[Queries | Wrong, Each(Queries)]], Field(max_length=1000)] = Field(
        default_factory=list
    )


@router.post("/v1/security")
def security(body: Report, app: Parts, key: Key = "") -> Kept:
    """Count security events and queries; they are durable when this answers. What is wrong costs itself alone."""
    service_of(app, body.service)
    if not body.events and not body.queries:
        raise PayloadWrong('nothing was posted; write counts into "events" or "queries"')
    wrong = wrong_items("events", body.events) + wrong_items("queries", body.queries)
    if len(wrong) == len(body.events) + len(body.queries):
        refuse_all(wrong)
    events = [(each.kind, each.count) for each in body.events if not isinstance(each, Wrong)]
    asked = [Asked(each.principal, each.count, each.inputs) for each in body.queries if not isinstance(each, Wrong)]
    reported = Reported(body.service, key_of(body.id, key), events, asked)
    return kept(accept_security(app.db, reported, app.clock()), wrong)
