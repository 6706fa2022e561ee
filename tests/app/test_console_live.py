"""The event stream, over a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from burnline.app.application import create_app
from burnline.app.console.live import Pulse
from burnline.app.wiring import App, build
from burnline.settings import Settings
from burnline.store import incidents, timeline
from tests.app.serving import serving

SERVICE = "apiVersion: burnline/v1\nservice: plain\nowner: team\n"


class Served:
    """An application behind the real server, its workers still."""

    def __init__(self, burnline: App, app: FastAPI, url: str) -> None:
        self.burnline, self.app, self.url = burnline, app, url

    def events(self, seen: str = "") -> Iterator[str]:
        """The stream's blocks, one after the other."""
        with httpx.stream("GET", f"{self.url}/events", params={"seen": seen}, timeout=5) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            block = ""
            for line in answer.iter_lines():
                if line:
                    block += f"{line}\n"
                else:
                    yield block
                    block = ""

    def record(self, now: datetime) -> None:
        """Something happens."""
        with self.burnline.db.read() as tx:
            known = incidents.open_incident(tx, "plain")
        started = known or self.burnline.db.write(
            lambda tx: incidents.start_incident(tx, service="plain", title="t", now=now)
        )
        self.burnline.db.write(
            lambda tx: timeline.append(tx, incident_id=started.id, at=now, source="person", type="note", text="x")
        )


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """One service without SLOs: nothing changes by itself."""
    (tmp_path / "plain.yaml").write_text(SERVICE)
    burnline = build(Settings(database=f"sqlite:///{tmp_path}/b.db", services=tmp_path / "plain.yaml"))
    monkeypatch.setattr(burnline, "start", lambda: None)
    monkeypatch.setattr("burnline.app.console.live.REFRESH_SECONDS", 10**9)
    app = create_app(burnline)
    with serving(app) as url:
        yield Served(burnline, app, url)


def tick(events: Iterator[str]) -> str:
    """The revision of the next tick."""
    block = next(block for block in events if "event: tick" in block)
    return block.partition("id: ")[2].partition("\n")[0]


def test_a_change_ticks_and_carries_what_the_browser_shows_when_it_comes_back(served: Served, now: datetime) -> None:
    events = served.events()
    first = tick(events)
    served.record(now)
    second = tick(events)

    assert second != first
    assert tick(served.events(seen=first)) == second


def test_a_page_that_shows_the_newest_is_not_told_to_fetch_it_again(served: Served, now: datetime) -> None:
    page = httpx.get(served.url).text
    shown = page.partition('data-revision="')[2].partition('"')[0]
    events = served.events(seen=shown)

    first = list(islice(events, 1))
    served.record(now)

    assert first == ["retry: 1000\n"]
    assert tick(events) != shown


def test_the_stream_ends_within_a_second_when_the_server_stops(served: Served) -> None:
    events = served.events()
    tick(events)

    start = time.monotonic()
    served.app.state.server.should_exit = True
    rest = list(events)

    assert time.monotonic() - start < 1
    assert rest == []


def test_a_stream_ends_when_the_store_does_and_the_browser_may_come_back(served: Served) -> None:
    events = served.events()
    tick(events)

    served.burnline.db.close()

    assert list(events) == []


def test_many_viewers_cost_one_look_up_a_second(served: Served, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    looks: list[float] = []
    look = Pulse._look

    def counted(self: Pulse, at: datetime) -> str:
        looks.append(time.monotonic())
        return look(self, at)

    monkeypatch.setattr(Pulse, "_look", counted)
    viewers = [served.events() for _ in range(15)]
    for events in viewers:
        tick(events)
    before = threading.active_count()
    for _ in range(2):
        served.record(now)
        for events in viewers:
            tick(events)

    assert len(looks) <= looks[-1] - looks[0] + 1.5
    assert threading.active_count() <= before + 7, "fifteen viewers have no thread each"


def test_viewers_that_leave_leave_nothing_behind(served: Served, now: datetime) -> None:
    open_streams = served.app.state.server.server_state.connections
    with ExitStack() as stack:
        for _ in range(10):
            events = served.events()
            stack.callback(events.close)  # type: ignore[attr-defined]  # a generator
            tick(events)
        assert len(open_streams) >= 10

    served.record(now)
    until = time.monotonic() + 3
    while open_streams and time.monotonic() < until:
        httpx.get(f"{served.url}/healthz", headers={"connection": "close"})

    assert not open_streams
