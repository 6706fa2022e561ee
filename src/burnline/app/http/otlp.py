"""The doors of OTLP/HTTP: traces, logs and metrics, in protobuf or JSON, by the protocol's rules.

Every answer is in the encoding of the request. Refused records are told in the answer (partial success) and are not to
be sent again; 429 and 503 say when to.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, Request, Response

from burnline.app.http.bodies import LIMIT_BYTES, encoding_of, read_body
from burnline.app.http.given_answers import offer_to
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.wiring import App
from burnline.collectors.inflate import inflate
from burnline.collectors.otlp import json_body, protobuf
from burnline.collectors.otlp.door import OtlpDoor, Signal
from burnline.collectors.otlp.sheet import Receipt
from burnline.collectors.otlp.wire import Wire
from burnline.detectors.grounding.answer import score_answer
from burnline.errors import (
    BurnlineError,
    PayloadError,
    PayloadTooLarge,
    PayloadTooSlow,
    PayloadUnsupported,
    StoreError,
)
from burnline.metrics.otlp import OtlpInstruments

log = logging.getLogger(__name__)

PATHS = ("/v1/traces", "/v1/logs", "/v1/metrics")
PROTOBUF, JSON = "application/x-protobuf", "application/json"
WIRES: dict[str, tuple[Wire, ModuleType, str]] = {
    PROTOBUF: (protobuf.Protobuf(), protobuf, PROTOBUF),
    "application/protobuf": (protobuf.Protobuf(), protobuf, PROTOBUF),
    JSON: (json_body.Json(), json_body, JSON),
}
AT_WORK = 4  # bodies that are decoded side by side: the other doors need threads too
LARGE_BYTES = 1024 * 1024  # larger ones, unpacked, are decoded one at a time: they can take thirty times as much memory
MOST_AT_ONCE = 32  # bodies that have come, and wait or are decoded; one that is being read keeps nobody out
# Status, reason to count it under, and google.rpc.Code, of what a door refuses.
REFUSALS: dict[type[BurnlineError], tuple[int, str, int]] = {
    PayloadTooLarge: (413, "too_large", 8),
    PayloadTooSlow: (408, "too_slow", 4),
    PayloadUnsupported: (415, "unsupported", 3),
    PayloadError: (400, "malformed", 3),
    StoreError: (503, "store", 14),
}
RETRY_AFTER = {429: "1", 503: "5"}  # seconds
A_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
            JSON: {"schema": {"type": "object"}},
        },
    }
}
router = APIRouter(
    dependencies=[Depends(require_token), Depends(refuse_cross_site)],
    responses={
        status: {"description": text, "content": {JSON: {"schema": {"type": "object"}}}}
        for status, text in {
            200: "Taken, or taken in part.",
            400: "No OTLP.",
            401: "Without the token: a google.rpc.Status, as all that follow.",
            403: "From another site.",
            408: "Too slow.",
            413: "Too large.",
            415: "Neither protobuf nor JSON, or packed otherwise than by gzip.",
            429: "Too many at once: send it again.",
            503: "Not kept: send it again.",
        }.items()
    },
)


@dataclass
class Doors:
    """What the three doors share while burnline runs."""

    door: OtlpDoor
    instruments: OtlpInstruments
    at_work: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(AT_WORK))
    large: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    at_once: int = 0

    @contextmanager
    def entered(self) -> Iterator[bool]:
        """Whether there is room for one more body."""
        self.at_once += 1
        try:
            yield self.at_once <= MOST_AT_ONCE
        finally:
            self.at_once -= 1


def prepare(app: FastAPI, burnline: App) -> None:
    """Make the doors. Raises: BurnlineError where protobuf is the slow one."""
    protobuf.check_upb()
    door = OtlpDoor(burnline.db, burnline.specs, burnline.exemplars, score_answer, offer_to(burnline))
    app.state.otlp = Doors(door, burnline.otlp)


@router.post(PATHS[0], openapi_extra=A_BODY, response_class=Response)
async def traces(request: Request) -> Response:
    """Take an ExportTraceServiceRequest: counts and durations are kept, the spans are not."""
    return await _take(request, "traces")


@router.post(PATHS[1], openapi_extra=A_BODY, response_class=Response)
async def logs(request: Request) -> Response:
    """Take an ExportLogsServiceRequest: counts, verdicts and security events are kept, the records are not."""
    return await _take(request, "logs")


@router.post(PATHS[2], openapi_extra=A_BODY, response_class=Response)
async def metrics(request: Request) -> Response:
    """Take an ExportMetricsServiceRequest: its series can be used like any other."""
    return await _take(request, "metrics")


def written_for(media_type: str) -> tuple[Wire | None, ModuleType, str]:
    """How a body of this Content-Type is read (None: not at all), what writes its answer, and the answer's type."""
    return WIRES.get(media_type.partition(";")[0].strip().lower(), (None, json_body, JSON))


async def _take(request: Request, signal: Signal) -> Response:
    doors: Doors = request.app.state.otlp
    media_type = request.headers.get("content-type", "")
    wire, writer, answers = written_for(media_type)
    try:
        if wire is None:
            raise PayloadUnsupported(f"Content-Type {media_type[:100]!r} is not supported; send {PROTOBUF} or {JSON}")
        body = await read_body(request)
        with doors.entered() as room:
            if not room:
                return _trouble(request, 429, "busy", 8, "too many bodies at once; send it again", writer, answers)
            body = await _unpacked(request, body, doors)
            work = partial(doors.door.accept, signal, wire, body, request.app.state.burnline.clock())
            limiter = doors.large if len(body) > LARGE_BYTES else doors.at_work
            receipt = await anyio.to_thread.run_sync(work, limiter=limiter)
    except (PayloadError, StoreError) as error:
        status, reason, code = next(found for kind, found in REFUSALS.items() if isinstance(error, kind))
        return _trouble(request, status, reason, code, _told(error), writer, answers)
    _count(doors.instruments, signal, receipt)
    return Response(writer.answer(signal, receipt.rejected, receipt.message), media_type=answers)


async def _unpacked(request: Request, body: bytes, doors: Doors) -> bytes:
    encoding = encoding_of(request)
    if not encoding:
        return body
    work = partial(inflate, [body], encoding=encoding, limit_bytes=LIMIT_BYTES)
    return await anyio.to_thread.run_sync(work, limiter=doors.at_work)


def _told(error: Exception) -> str:
    if isinstance(error, StoreError):  # the cause is for the log, not for who asked
        log.error("the store failed", extra={"error": str(error)})
        return "the store failed; nothing was kept: send it again"
    return str(error)


def _trouble(
    request: Request, status: int, reason: str, code: int, message: str, writer: Any, media_type: str
) -> Response:
    burnline: App = request.app.state.burnline
    burnline.instruments.bodies_refused.labels(request.scope["route"].path, reason).inc()
    headers = {"Retry-After": RETRY_AFTER[status]} if status in RETRY_AFTER else {}
    return Response(writer.status(code, message), status, headers, media_type)


def _count(instruments: OtlpInstruments, signal: Signal, receipt: Receipt) -> None:
    for service, count in receipt.accepted.items():
        instruments.accepted.labels(signal, service).inc(count)
    for reason, count in receipt.refused.items():
        instruments.refused.labels(signal, reason).inc(count)
    for service, count in receipt.unknown_names.items():
        instruments.unknown_names.labels(service).inc(count)
    instruments.repeated.labels(signal).inc(receipt.repeated)
