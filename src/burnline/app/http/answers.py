"""What every route answers alike: errors in words, and what has no such name or number."""

from __future__ import annotations

from typing import TypeVar

from fastapi import HTTPException
from pydantic import BaseModel

from burnline.app.wiring import App
from burnline.spec.bodies import MOST_TOLD
from burnline.spec.service import ServiceSpec
from burnline.spec.words import did_you_mean, shown

T = TypeVar("T")


class Trouble(BaseModel):
    """What went wrong, in words."""

    error: str


def found(value: T | None, message: str) -> T:
    """The value, or 404 in words."""
    if value is None:
        raise HTTPException(404, message)
    return value


def service_of(app: App, name: str) -> ServiceSpec:
    """The service of that name. Raises: HTTPException 404 with the names that there are."""
    spec = app.spec(name)
    if spec is not None:
        return spec
    names = sorted(each.service for each in app.specs)
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    known = ", ".join(names[:MOST_TOLD]) or "none"
    hint = did_you_mean(name, names)
    raise HTTPException(404, f"no service is called {shown(name)}; known: {known}{more}" + (f";{hint}" if hint else ""))
