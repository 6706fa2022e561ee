"""Pages and the parts of them that are fetched again when something happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import ValidationError

from burnline.app import incident_views, views
from burnline.app.http.api import Decision, Parts, settle
from burnline.app.http.bodies import read_body
from burnline.app.http.guards import refuse_cross_site, require_token
from burnline.app.wiring import App
from burnline.errors import PayloadError
from burnline.events import SloState
from burnline.store import incidents, timeline

FOLDER = Path(__file__).parent
HEARTBEAT_SECONDS = 15
templates = Jinja2Templates(FOLDER / "templates")
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def mount(app: FastAPI) -> None:
    """Add the pages and their assets."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")


@router.get("/")
def fleet_page(request: Request, app: Parts) -> Response:
    return _page(request, "fleet.html", {"page": "fleet", **_fleet(app)})


@router.get("/parts/fleet")
def fleet_part(request: Request, app: Parts) -> Response:
    return _page(request, "fleet_part.html", _fleet(app))


@router.get("/services/{name}")
def service_page(request: Request, name: str, app: Parts) -> Response:
    return _service(request, name, app, "service.html")


@router.get("/parts/services/{name}")
def service_part(request: Request, name: str, app: Parts) -> Response:
    return _service(request, name, app, "service_part.html")


@router.get("/incidents")
def incidents_page(request: Request, app: Parts) -> Response:
    return _page(request, "incidents.html", {"page": "incidents", **_incidents(app)})


@router.get("/parts/incidents")
def incidents_part(request: Request, app: Parts) -> Response:
    return _page(request, "incidents_part.html", _incidents(app))


@router.get("/incidents/{incident_id}")
def incident_page(request: Request, incident_id: int, app: Parts) -> Response:
    return _incident(request, incident_id, app, "incident.html")


@router.get("/parts/incidents/{incident_id}")
def incident_part(request: Request, incident_id: int, app: Parts) -> Response:
    return _incident(request, incident_id, app, "incident_part.html")


@router.post("/approvals/{approval_id}", dependencies=[Depends(require_token), Depends(refuse_cross_site)])
async def answer(request: Request, approval_id: int, app: Parts) -> Response:
    """A person's answer, from the form; works without scripts."""
    sent = dict(parse_qsl((await read_body(request)).decode(errors="replace")))
    try:
        decision = Decision.model_validate(sent)
    except ValidationError as error:
        raise PayloadError("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from error
    asked = next((view for view in incident_views.approvals(app.db) if view.id == approval_id), None)
    await run_in_threadpool(settle, app, approval_id, decision)
    return RedirectResponse(f"/incidents/{asked.incident_id}" if asked else "/incidents", 303)


@router.get("/events")
async def events(request: Request, app: Parts) -> StreamingResponse:
    """Server-sent `tick` events: something a page shows has changed."""
    return StreamingResponse(
        _ticks(request, app), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _ticks(request: Request, app: App) -> AsyncIterator[str]:
    last: tuple[Any, ...] = ()
    quiet = 0
    server = getattr(request.app.state, "server", None)
    while not (server and server.should_exit) and not await request.is_disconnected():
        state = await asyncio.to_thread(_revision, app)
        quiet += 1
        if state != last:
            last, quiet = state, 0
            yield "event: tick\ndata: \n\n"
        elif quiet >= HEARTBEAT_SECONDS:
            quiet = 0
            yield ": still here\n\n"
        await asyncio.sleep(1)


def _revision(app: App) -> tuple[Any, ...]:
    with app.db.read() as tx:
        entry = timeline.newest_id(tx)
    return entry, max((status.at for status in app.statuses(datetime.now(UTC))), default=None)


def _fleet(app: App) -> Mapping[str, Any]:
    services = views.fleet(app, datetime.now(UTC))
    states = [slo.state for service in services for slo in service.slos]
    with app.db.read() as tx:
        opened = incidents.list_incidents(tx, state=incidents.OPEN)
    return {"services": services, "incidents": opened, "counts": {state: states.count(state) for state in SloState}}


def _incidents(app: App) -> Mapping[str, Any]:
    with app.db.read() as tx:
        return {"incidents": incidents.list_incidents(tx)}


def _service(request: Request, name: str, app: App, template: str) -> Response:
    view = views.service(app, name, datetime.now(UTC))
    if view is None:
        return _page(request, "missing.html", {"what": f"No service is called {name}."}, 404)
    with app.db.read() as tx:
        latest = incidents.list_incidents(tx, service=name, limit=3)
    return _page(request, template, {"service": view, "incidents": latest})


def _incident(request: Request, incident_id: int, app: App, template: str) -> Response:
    view = incident_views.incident(app.db, incident_id)
    if view is None:
        return _page(request, "missing.html", {"what": f"No incident has the number {incident_id}."}, 404)
    shown = {"incident": view, "entries": view.entries, "runs": view.runs, "approvals": view.approvals}
    return _page(request, template, {**shown, "chain_holds": view.chain_holds})


def _page(request: Request, template: str, shown: Mapping[str, Any], status: int = 200) -> Response:
    return templates.TemplateResponse(request, template, dict(shown), status_code=status)


def _percent(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "-"
    return f"{value * 100:.{digits}f}".rstrip("0").rstrip(".") + "%"


def _rate(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _span(value: timedelta) -> str:
    seconds = max(value.total_seconds(), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} {_span(timedelta(seconds=seconds % size)).split(' ')[0]}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"


templates.env.filters.update(
    percent=_percent,
    rate=_rate,
    span=_span,
    clock=lambda at: f"{at:%H:%M:%S}",
    moment=lambda at: f"{at:%Y-%m-%d %H:%M:%S} UTC",
)
