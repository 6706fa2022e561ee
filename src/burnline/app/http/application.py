"""The FastAPI application: routes, error answers, security headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client.exposition import choose_encoder
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnline.app.console import pages
from burnline.app.http import api, doors, exposition
from burnline.app.wiring import App
from burnline.errors import DecisionRefused, PayloadError, PayloadTooLarge, StoreError

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def create_app(burnline: App) -> FastAPI:
    """The application over `burnline`; its workers start and stop with it."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        burnline.start()
        yield
        burnline.stop()

    app = FastAPI(title="burnline", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.burnline = burnline
    burnline.registry.register(exposition.Exposition(burnline))
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=_hosts(burnline))
    app.add_middleware(SecurityHeaders)
    _answer_errors(app)
    app.include_router(doors.router)
    app.include_router(api.router)
    pages.mount(app)
    _add_health(app)
    return app


def _hosts(burnline: App) -> list[str]:
    return ["*"] if "*" in burnline.settings.allowed_hosts else list(burnline.settings.allowed_hosts)


class SecurityHeaders:
    """Adds the headers to every answer; plain ASGI, because Starlette's own wrapper buffers streams."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _answer_errors(app: FastAPI) -> None:
    burnline: App = app.state.burnline

    def refuse(request: Request, status: int, reason: str, message: str) -> JSONResponse:
        burnline.instruments.bodies_refused.labels(request.scope["route"].path, reason).inc()
        return JSONResponse({"error": message}, status)

    @app.exception_handler(PayloadTooLarge)
    async def too_large(request: Request, error: PayloadTooLarge) -> JSONResponse:
        return refuse(request, 413, "too_large", str(error))

    @app.exception_handler(PayloadError)
    async def malformed(request: Request, error: PayloadError) -> JSONResponse:
        return refuse(request, 400, "malformed", str(error))

    @app.exception_handler(DecisionRefused)
    async def too_late(request: Request, error: DecisionRefused) -> JSONResponse:
        return refuse(request, 409, "refused", str(error))

    @app.exception_handler(TimeoutError)
    async def too_slow(request: Request, _error: TimeoutError) -> JSONResponse:
        return refuse(request, 408, "too_slow", "the body did not arrive in time")

    @app.exception_handler(StoreError)
    async def store_failed(request: Request, _error: StoreError) -> JSONResponse:
        # 503, never 429: Alertmanager retries only 5xx. The cause is in the log, not in the answer.
        return refuse(request, 503, "store", "the store failed; nothing was kept: send it again")


def _add_health(app: FastAPI) -> None:
    burnline: App = app.state.burnline

    @app.get("/metrics")
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(burnline.registry), media_type=content_type)

    @app.get("/healthz")
    async def alive() -> PlainTextResponse:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    def ready() -> PlainTextResponse:
        with burnline.db.read() as tx:
            tx.exec_driver_sql("SELECT 1")
        return PlainTextResponse("ready\n")
