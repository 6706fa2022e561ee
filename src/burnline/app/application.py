"""The FastAPI application: routes, error answers, security headers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from pydantic_core import ErrorDetails
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnline.app import postmortem_api
from burnline.app.console import pages
from burnline.app.http import (
    api,
    business,
    doors,
    drills,
    exposition,
    gates,
    given_answers,
    jobs,
    labels,
    lineage,
    otlp,
    releases,
    samples,
    security,
    silences,
)
from burnline.app.http.bodies import HeldBodies, SmallBodies
from burnline.app.http.guards import AllowedHosts, TokenFirst
from burnline.app.http.otlp_errors import OtlpErrors
from burnline.app.web.access import WebAccess
from burnline.app.web.guard import Guard
from burnline.app.wiring import App
from burnline.errors import (
    DecisionRefused,
    PayloadBusy,
    PayloadError,
    PayloadTooLarge,
    PayloadTooSlow,
    PayloadUnsupported,
    PayloadWrong,
    StoreError,
)
from burnline.spec.bodies import flaws, on_one_line, outside

log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a form is sent with `Origin: null`, which the guard refuses
    "Cross-Origin-Opener-Policy": "same-origin",
}
PARTS = (
    *(doors, otlp, business, jobs, lineage, security, labels, samples, given_answers),
    *(api, releases, gates, silences, drills, postmortem_api),
)
# Status and reason of what a door refuses; 503, never 429, for the store: Alertmanager retries only 5xx.
REFUSALS: dict[type[Exception], tuple[int, str]] = {
    PayloadTooLarge: (413, "too_large"),
    PayloadTooSlow: (408, "too_slow"),
    PayloadBusy: (503, "busy"),
    PayloadUnsupported: (415, "unsupported"),
    PayloadWrong: (422, "wrong"),
    PayloadError: (400, "malformed"),
    ClientDisconnect: (400, "disconnected"),
    DecisionRefused: (409, "refused"),
    StoreError: (503, "store"),
}
RETRY_AFTER = {503: {"Retry-After": "5"}}  # seconds


def create_app(burnline: App, access: WebAccess | None = None) -> FastAPI:
    """The application over `burnline`; its workers start and stop with it.

    Args:
        access: who may come in at all; without it anybody whom the doors' own rules let in.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        burnline.start()
        yield
        burnline.stop()

    # A slash too many is 404: who posts alerts may not follow a redirect, or as GET, and they would be lost.
    app = FastAPI(title="burnline", docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.burnline = burnline
    otlp.prepare(app, burnline)
    app.add_middleware(
        SmallBodies,
        but_not=(
            doors.PREDICTIONS,
            labels.LABELS,
            samples.SAMPLES,
            given_answers.ANSWERS,
            doors.ALERTS,
            *otlp.PATHS,
            *lineage.PATHS,
        ),
    )
    app.add_middleware(HeldBodies)
    app.add_middleware(TokenFirst)
    app.add_middleware(AllowedHosts, names=burnline.settings.allowed_hosts)
    if access is not None:
        app.add_middleware(Guard, access=access, token=burnline.settings.token)
    app.add_middleware(OtlpErrors)
    app.add_middleware(SecurityHeaders)
    _answer_errors(app)
    for part in PARTS:  # include_router would make every route anew, at the first request: a third of a second
        app.router.routes.extend(part.router.routes)
    pages.mount(app)
    _add_health(app)
    return app


class SecurityHeaders:
    """Adds the headers to every answer; plain ASGI, because Starlette's own wrapper buffers streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)  # a library's page has a policy of its own, which allows less
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _answer_errors(app: FastAPI) -> None:
    """Every error is {"error": ...} for programs and a page for people."""
    burnline: App = app.state.burnline

    async def answer(request: Request, error: Exception) -> Response:
        status, reason, message = _explain(request, error)
        if reason and request.method == "POST":
            burnline.instruments.bodies_refused.labels(request.scope["route"].path, reason).inc()
        # what nobody foresaw is answered outside of the middleware, so the headers are set here too
        headers = {**SECURITY_HEADERS, **RETRY_AFTER.get(status, {}), **(getattr(error, "headers", None) or {})}
        if pages.wanted_by(request):
            return pages.trouble(request, status, message, headers)
        return JSONResponse({"error": message}, status, headers)

    for kind in (*REFUSALS, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)


def _explain(request: Request, error: Exception) -> tuple[int, str, str]:
    """The status, the reason to count it under (none: not counted), and what to tell whoever asked."""
    if isinstance(error, HTTPException) and isinstance(error.__cause__, PayloadError):
        error = error.__cause__
    for kind, (status, reason) in REFUSALS.items():
        if isinstance(error, kind):
            return status, reason, _message(error)
    if isinstance(error, RequestValidationError):
        return 422, "wrong", _wrong(request, error)
    if isinstance(error, HTTPException):
        nothing_here = error.status_code == HTTPStatus.NOT_FOUND and error.detail == HTTPStatus.NOT_FOUND.phrase
        return error.status_code, "", f"nothing is at {request.url.path}" if nothing_here else str(error.detail)
    return 500, "", "burnline failed on this; its log says why"


def _wrong(request: Request, error: RequestValidationError) -> str:
    """What is wrong with the query, a header or the path; else with the body."""
    found: list[ErrorDetails] = list(error.errors())
    if beside := outside(each for each in found if each["loc"][0] != "body"):
        return on_one_line(beside)
    if found[0]["type"] == "json_invalid":
        return f"the body is no JSON: {found[0]['ctx']['error']}"
    field = request.scope["route"].body_field
    model = field.field_info.annotation if field else None
    inside: list[ErrorDetails] = [{**each, "loc": each["loc"][1:]} for each in found]
    is_model = isinstance(model, type) and issubclass(model, BaseModel)
    return on_one_line(flaws(inside, error.body, model if is_model else None))


def _message(error: Exception) -> str:
    if isinstance(error, StoreError):  # the cause is for the log, not for who asked
        log.error("the store failed", extra={"error": str(error)})
        return "the store failed; nothing was kept: send it again"
    return str(error)


def _add_health(app: FastAPI) -> None:
    burnline: App = app.state.burnline

    page = exposition.Page(burnline)

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics(request: Request) -> Response:
        """What burnline measured, as Prometheus text or OpenMetrics."""
        return page.answer(request.headers)

    @app.get("/healthz", response_class=PlainTextResponse)
    async def alive() -> PlainTextResponse:
        """Whether the process answers."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz", response_class=PlainTextResponse)
    def ready() -> PlainTextResponse:
        """Whether it works too: the store answers, the last write was kept, and no worker stands still."""
        with burnline.db.read() as tx:
            tx.exec_driver_sql("SELECT 1")
        if trouble := burnline.trouble():
            return PlainTextResponse(f"not ready: {trouble}\n", 503)
        return PlainTextResponse("ready\n")
