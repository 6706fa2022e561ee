"""What every door for batches of events does alike: who may come in, how a body is handed over, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from burnline.app.http.answers import Trouble
from burnline.app.http.bodies import encoding_of, read_body
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.wiring import App
from burnline.collectors.predictions.events import Asked, Sent
from burnline.events import Source
from burnline.spec.words import choice

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class Receipt(DataclassInstance, Protocol):
        """What a door says of a body."""

        @property
        def service(self) -> str: ...


R = TypeVar("R")


def batch_router() -> APIRouter:
    """A router of doors that read their bodies themselves: for whoever has the token."""
    return APIRouter(
        dependencies=[Depends(require_token), Depends(refuse_cross_site)],
        responses={status: {"model": Trouble} for status in (400, 401, 403, 408, 413, 415, 422, 503)},
    )


def body_in(media_types: Iterable[str]) -> dict[str, Any]:
    """For the description of a door: what bodies it takes."""
    return {"requestBody": {"required": True, "content": {name: {"schema": {}} for name in media_types}}}


async def hand_over(request: Request, accept: Callable[..., R], asked: Asked, **more: Any) -> R:
    """What `accept` says of the body, which it gets as it came with what is known of every service.

    `asked` is what the URL says.

    It works in a thread: while it decodes and waits for the disk, other doors are open.
    """
    app: App = request.app.state.burnline
    headers, body = request.headers, await read_body(request)
    key = headers.get("idempotency-key", "")
    sent = Sent(body, headers.get("content-type", ""), encoding_of(request), asked, key)
    return await run_in_threadpool(accept, app.db, sent, now=app.clock(), known=app.event_rules, **more)


def answered(
    request: Request, receipt: Receipt, sources: Collection[Source], *, taken: int, refused: int
) -> JSONResponse:
    """The receipt: 202, or 422 where there was something and all of it was refused.

    It has a `note` where no signal of the service counts what comes from any of these sources.
    """
    app: App = request.app.state.burnline
    body = asdict(receipt)
    if taken and not app.detectors.counts(receipt.service, sources):
        what = choice(sorted(each.value for each in sources))
        why = "its service file asks for none, or its reference cannot be read"
        body["note"] = f"no signal of {receipt.service} counts {what} now: {why}"
    return JSONResponse(body, 202 if taken or not refused else 422)
