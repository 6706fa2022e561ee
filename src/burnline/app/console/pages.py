"""Pages for people. Each is served whole at its path, and below /parts as what changes on it: see static/console.js."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import ValidationError

from burnline.app import incident_views, measured_views, signal_views, switch_views, views
from burnline.app.console import words
from burnline.app.console.live import Pulse, ticks
from burnline.app.http.answers import found, service_of
from burnline.app.http.api import Decision, Number, Parts, settle
from burnline.app.http.bodies import read_body
from burnline.app.http.guards import check_token, refuse_cross_site
from burnline.app.runbook_views import runbook_lines, runbook_view
from burnline.app.trace_links import Links
from burnline.app.wiring import App
from burnline.events import SloState
from burnline.runbooks.approvals import answer_link, open_link
from burnline.slo.windows import period_length
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration
from burnline.store import incidents
from burnline.store.drills import Drill, newest_drills
from burnline.store.pages import page_of, pages_between
from burnline.store.signals import worst_findings

FOLDER = Path(__file__).parent
PARTS = "/parts"
ZOOMS = (60, 12, 1)  # parts of the longest window that charts may show
ASK_FOR = {
    "actor": "Write your name (at most 100 characters): the record keeps who decided.",
    "decision": "Choose approve or reject.",
    "plan_hash": "The form was incomplete: load the page again.",
    "reason": "Keep the reason under 500 characters.",
}
SANDBOX = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
BEFORE = timedelta(hours=1)  # an alarm opens an incident after its window, or a burn rate after several
LAST_SECOND = 253_402_300_799  # of the year 9999
Handler = TypeVar("Handler", bound=Callable[..., Response])
templates = Jinja2Templates(FOLDER / "templates")
templates.env.filters.update(words.FILTERS)
templates.env.finalize = words.visible
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def mount(app: FastAPI) -> None:
    """Add the pages and their assets."""
    app.state.pulse = Pulse(app.state.burnline)
    app.router.routes.extend(router.routes)
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")


def page(path: str) -> Callable[[Handler], Handler]:
    """Serve at `path`, and below /parts."""

    def register(handler: Handler) -> Handler:
        router.get(PARTS + path)(handler)
        router.get(path)(handler)
        return handler

    return register


@page("/")
def fleet(request: Request, app: Parts) -> Response:
    services = views.fleet(app, app.clock())
    count = {state: sum(service.state is state for service in services) for state in SloState}
    opened = incident_views.lines(app.db, state=incidents.OPEN, known={spec.service for spec in app.specs})
    total = incident_views.open_count(app.db)
    return _page(request, app, "fleet.html", services=services, count=count, incidents=opened, opened=total)


@page("/services/{name}")
def service(request: Request, name: str, app: Parts) -> Response:
    now = app.clock()
    spec = service_of(app, name)
    zooms = _zooms(spec)
    last = request.query_params.get("last", "")
    shown = {slo.name: zooms.get(last) or views.recent(slo) for slo in spec.slos}
    since = now - max(shown.values(), default=timedelta(0))
    past = incident_views.lines(app.db, service=name, limit=20)
    return _page(
        request,
        app,
        "service.html",
        service=views.service(app, spec, now),
        shown=shown,
        zooms=list(zooms),
        last=last if last in zooms else next(iter(zooms), ""),
        releases=json.dumps(
            [(change.at.timestamp(), change.version) for change in views.releases_since(app, name, since)]
        ),
        bands=json.dumps([(one.opened_at.timestamp(), one.closed_at and one.closed_at.timestamp()) for one in past]),
        incidents=past,
        drilled=_drilled(app, name),
    )


@page("/services/{name}/measured")
def measured(request: Request, name: str, app: Parts) -> Response:
    spec = service_of(app, name)
    parts = measured_views.measured(app, spec, app.clock())
    return _page(request, app, "measured.html", service=spec, parts=parts)


@page("/services/{name}/signals/{signal}")
def signal(request: Request, name: str, signal: str, app: Parts) -> Response:
    now = app.clock()
    detail = found(
        signal_views.signal(app, service_of(app, name), signal, now), f"{name} has no signal called {signal!r}."
    )
    window = timedelta(seconds=detail.window_seconds)
    drawn = signal_views.pictures(detail, now)
    return _page(request, app, "signal.html", signal=detail, drawn=drawn, window=window)


@router.get("/services/{name}/signals/{signal}/pages/{start}")
def library_page(name: str, signal: str, start: int, app: Parts) -> Response:
    """What a library drew of a window. Its code runs in a sandbox, from where it reaches nothing, burnline neither."""
    service = service_of(app, name).service
    at = datetime.fromtimestamp(min(max(start, 0), LAST_SECOND), UTC)
    with app.db.read() as tx:
        html = found(page_of(tx, service, signal, at), "There is no page of this window.")
    return Response(html, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": SANDBOX})


@page("/incidents")
def incident_list(request: Request, app: Parts) -> Response:
    return _page(request, app, "incidents.html", incidents=incident_views.lines(app.db))


@page("/incidents/{incident_id}")
def incident(request: Request, incident_id: Number, app: Parts) -> Response:
    view = found(
        incident_views.incident(app.db, incident_id, Links.of(app.settings), app.clock()),
        f"No incident has the number {incident_id}.",
    )
    with app.db.read() as tx:
        until = view.closed_at or app.clock()
        drawn = pages_between(tx, view.service, view.opened_at - BEFORE, until)
        alarmed = worst_findings(tx, view.service, view.opened_at - BEFORE, until)
    return _page(request, app, "incident.html", incident=view, drawn=drawn, alarmed=alarmed)


@page("/runbooks")
def runbook_list(request: Request, app: Parts) -> Response:
    return _page(request, app, "runbooks.html", runbooks=runbook_lines(app.catalogue, app.specs))


@page("/runbooks/{runbook_id}")
def runbook(request: Request, runbook_id: str, app: Parts) -> Response:
    view = found(runbook_view(app.catalogue, app.specs, runbook_id), f"No runbook is called {runbook_id}.")
    return _page(request, app, "runbook.html", book=view)


@page("/approvals")
def approvals(request: Request, app: Parts) -> Response:
    return _page(request, app, "approvals.html")


@router.post("/approvals/{approval_id}", dependencies=[Depends(refuse_cross_site)])
async def answer(request: Request, approval_id: Number, app: Parts) -> Response:
    """A person's answer, from the form; works without scripts."""
    sent = dict(parse_qsl((await read_body(request)).decode(errors="replace")))
    check_token(request, sent.pop("token", ""))
    try:
        decision = Decision.model_validate(sent)
    except ValidationError as error:
        raise HTTPException(422, " ".join(ASK_FOR[str(each["loc"][0])] for each in error.errors())) from error
    waiting = await run_in_threadpool(incident_views.approvals, app.db, app.clock())
    await run_in_threadpool(settle, app, approval_id, decision)
    asked = next((view for view in waiting if view.id == approval_id), None)
    return RedirectResponse(f"/incidents/{asked.incident_id}" if asked else "/approvals", 303)


@router.get("/answer/{token}")
def show_question(request: Request, token: str, app: Parts) -> Response:
    """What a signed link asks. Opening it changes nothing: mail programs and scanners open links too."""
    ticket = open_link(app.db, token, app.clock())
    asked = next(
        (view for view in incident_views.approvals(app.db, app.clock()) if view.id == ticket.approval_id), None
    )
    view = found(asked, "This question is answered already, or has expired.")
    return _page(request, app, "answer.html", asked=view, actor=ticket.actor, waiting=(), path="")


@router.post("/answer/{token}", dependencies=[Depends(refuse_cross_site)])
async def answer_by_link(request: Request, token: str, app: Parts) -> Response:
    """The answer of whoever holds the link; the link itself is what lets them."""
    sent = dict(parse_qsl((await read_body(request)).decode(errors="replace")))
    try:
        decision = Decision.model_validate({"actor": "-", "plan_hash": "", **sent})
    except ValidationError as error:
        raise HTTPException(422, " ".join(ASK_FOR[str(each["loc"][0])] for each in error.errors())) from error
    ticket = await run_in_threadpool(open_link, app.db, token, app.clock())
    given = {"actor": sent.get("actor", ""), "decision": decision.decision, "reason": decision.reason}
    state = await run_in_threadpool(partial(answer_link, app.db, token, **given, now=app.clock()))
    shown = {"title": f"Approval {ticket.approval_id} is {state}", "message": "Your answer is on record.", "back": "/"}
    return templates.TemplateResponse(request, "trouble.html", {**shown, "status": 200})


@router.get("/events")
async def events(request: Request) -> StreamingResponse:
    """Server-sent `tick` events: something a page shows has changed."""
    return StreamingResponse(ticks(request, request.app.state.pulse), media_type="text/event-stream")


def wanted_by(request: Request) -> bool:
    """Whether an answer to this request is for a person's eyes."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1/")


def trouble(request: Request, status: int, message: str, headers: Mapping[str, str]) -> Response:
    """A page that says what went wrong and where to go on."""
    asked = request.url.path.startswith(("/approvals/", "/answer/"))
    title = "Your answer was not taken" if asked else HTTPStatus(status).phrase
    shown = {"title": title, "message": message, "back": "/approvals" if asked else "/", "status": status}
    return templates.TemplateResponse(request, "trouble.html", shown, status, headers)


def _page(request: Request, app: App, template: str, **shown: Any) -> Response:
    now = app.clock()
    path = request.url.path.removeprefix(PARTS)
    around = {
        "revision": request.app.state.pulse.read(),  # before what it stands for is read: a change is never missed
        "part": request.url.path.startswith(PARTS),
        "path": path,
        "query": request.url.query,
        "now": now,
        "waiting": incident_views.approvals(app.db, now),
        "actions": switch_views.actions(app),
        "token": bool(app.settings.token),
    }
    return templates.TemplateResponse(request, template, {**around, **shown})


def _drilled(app: App, name: str) -> list[Drill]:
    """The last drill of each kind of a service, oldest first."""
    with app.db.read() as tx:
        return [each for each in newest_drills(tx) if each.service == name]


def _zooms(spec: ServiceSpec) -> dict[str, timedelta]:
    longest = max((period_length(slo.window) for slo in spec.slos), default=None)
    if longest is None:
        return {}
    spans = (max(longest / part, views.SHORTEST_HISTORY) for part in ZOOMS)
    return {format_duration(timedelta(seconds=round(span.total_seconds()))): span for span in spans}
