"""Read-only looks that a runbook may take: what a person would look up first at night."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from burnline.spec.address import HttpUrl
from burnline.spec.strict import OneOf, Strict
from burnline.spec.units import Duration


class CommandProbeSpec(Strict):
    """A program on this host that prints something; `argv` may hold the slot ${service}. There is no shell."""

    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    env: tuple[str, ...] = ("PATH", "HOME", "LANG")
    timeout: Duration = Field(default="30s", validate_default=True)

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        if not self.argv[0].startswith("/"):
            raise ValueError(f"needs an absolute path as its program; found {self.argv[0]!r}")
        return self


class HttpProbeSpec(Strict):
    """A page that is read by GET."""

    url: HttpUrl
    timeout: Duration = Field(default="10s", validate_default=True)


class ProbeSpec(OneOf):
    """One probe: exactly one kind, by its key."""

    command: CommandProbeSpec | None = None
    http: HttpProbeSpec | None = None
