"""One service's story in simulated seconds, stopped where a page is worth looking at, and readers of pages."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.alerting.inbox import accept_webhook
from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.console.words import MINUS, NOTHING, TIMES
from burnline.app.wiring import App
from tests.flow.world import World, world

KEYBOARD = str.maketrans({TIMES: "x", MINUS: "-", NOTHING: "-"})
HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' & {{ 7 * 7 }} \u202e " + "x" * 120


@contextmanager
def story(folder: Path, *, seconds: float, approval: str = "one") -> Iterator[World]:
    """A world that is to live for so many seconds, which end about now: pages asked now show what happened in them.

    It stands still while a test looks at it, so its statuses do not age.
    """
    with (
        world(folder, approval=approval, params="{settle: 3s, window: 2s}") as scene,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(wiring, "aged", lambda status, *_: status)
        scene.now = datetime.now(UTC) - timedelta(seconds=seconds)
        yield scene


def break_release(scene: World) -> int:
    """Release the bad version and wait until its rollback waits for a person; returns the approval's id."""
    scene.service.release("2", scene.now)
    for _ in range(60):
        scene.live(1)
        waiting = [asked for incident in scene.incidents() for asked in incident.approvals]
        if waiting:
            return waiting[0].id
    raise AssertionError(f"nobody was asked:\n{scene.story()}")


def deliver(
    scene: World, *, service: str, summary: str, alertname: str = "Custom", fingerprint: str = "f" * 16, **labels: str
) -> None:
    """An alert from outside, as Alertmanager sends it, taken into an incident."""
    alert = {
        "status": "firing",
        "labels": {"alertname": alertname, "service": service, **labels},
        "annotations": {"summary": summary},
        "startsAt": scene.now.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": fingerprint,
    }
    body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "r", "alerts": [alert]}
    shared = {"groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "truncatedAlerts": 0}
    sent = json.dumps({**body, **shared}).encode()
    accept_webhook(scene.app.db, sent, source="alertmanager", now=scene.now, limit_bytes=10**6)
    scene.app.alerts.run_once(scene.now)


class Client:
    """Asks an application without a server or its workers; `headers` go with every request.

    What the application did not foresee is raised here too, unless `raises` is False.
    """

    def __init__(self, app: App, headers: Mapping[str, str] | None = None, *, raises: bool = True) -> None:
        self._transport = httpx.ASGITransport(create_app(app), raise_app_exceptions=raises)
        self._headers = headers

    def get(self, path: str, **options: Any) -> httpx.Response:
        """GET `path`."""
        return asyncio.run(self._ask("GET", path, options))

    def post(self, path: str, **options: Any) -> httpx.Response:
        """POST to `path`."""
        return asyncio.run(self._ask("POST", path, options))

    async def _ask(self, method: str, path: str, options: Mapping[str, Any]) -> httpx.Response:
        url = "http://127.0.0.1"
        async with httpx.AsyncClient(transport=self._transport, base_url=url, headers=self._headers) as client:
            return await client.request(method, path, **options)


def browser(app: App) -> Client:
    """A browser without scripts."""
    return Client(app, {"accept": "text/html,application/xhtml+xml", "sec-fetch-site": "same-origin"})


def text(html: str) -> str:
    """What a person reads: without tags and runs of white space, signs as they are on a keyboard."""
    visible = unescape(
        re.sub(r"<[^>]+>", " ", re.sub(r"<head>.*?</head>|<title>.*?</title>", " ", html, flags=re.DOTALL))
    )
    return re.sub(r"\s+", " ", visible).translate(KEYBOARD).strip()


def row(html: str, name: str) -> str:
    """The text of the first table row that has `name` in its header cell."""
    rows: list[str] = re.findall(r"<tr.*?</tr>", html, flags=re.DOTALL)
    return next(text(each) for each in rows if re.search(rf"<t[hd][^>]*>(<a[^>]*>|<bdi>)*{name}\b", each))


def fields(html: str) -> dict[str, str]:
    """The hidden fields of the first form."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))
