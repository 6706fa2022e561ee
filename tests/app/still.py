"""burnline behind the real server, with its workers standing still: what a door keeps stays where it was put."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from burnline.app import wiring
from burnline.app.application import create_app
from burnline.app.workers import Workers
from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import build_profile
from burnline.metrics import Instruments
from burnline.settings import Settings
from burnline.store.database import open_database
from burnline.store.inbox import InboxRow, waiting
from burnline.store.schema import inbox
from tests.app.serving import serving

SCORING = """
apiVersion: burnline/v1
service: scoring
owner: scoring-ml
model: {name: scoring, reference: reference.json}
signals:
  drift: {window: 10s}
"""
RANKING = """
apiVersion: burnline/v1
service: ranking
owner: ranking-ml
"""


class Still:
    """One burnline: `scoring` has a reference with the features length and weight, `ranking` has none."""

    def __init__(self, url: str, app: wiring.App) -> None:
        self.url, self.app = url, app

    def get(self, path: str) -> httpx.Response:
        """GET."""
        return httpx.get(self.url + path, timeout=20)

    def post(self, path: str, content: Any = b"", **headers: str) -> httpx.Response:
        """POST; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(self.url + path, content=content, headers=named, timeout=20)

    def predict(self, body: Any, **headers: str) -> httpx.Response:
        """POST a body of predictions."""
        return self.post("/v1/predictions", body, **{"content_type": "application/json", **headers})

    def alert(self, body: Any, **headers: str) -> httpx.Response:
        """POST an Alertmanager webhook."""
        return self.post("/v1/alerts", body, **{"content_type": "application/json", **headers})

    def kept(self, kind: str) -> list[InboxRow]:
        """What the inbox holds of this kind."""
        with self.app.db.read() as tx:
            return waiting(tx, kind, 10_000)

    def forget(self) -> None:
        """Empty the inbox and set the counters back."""
        self.app.db.write(lambda tx: tx.execute(delete(inbox)))
        for name in Instruments.__slots__:
            getattr(self.app.instruments, name).clear()

    def connect(self) -> socket.socket:
        """A plain connection."""
        address = httpx.URL(self.url)
        return socket.create_connection((address.host, address.port or 80), timeout=10)

    def say(self, *lines: str, body: bytes = b"") -> bytes:
        """Send one raw request, and return all that comes back until the server closes."""
        with self.connect() as connection:
            connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode() + body)
            return everything(connection)

    def counted(self, name: str, **labels: str) -> float:
        """One of burnline's own counters."""
        return self.app.registry.get_sample_value(name, labels) or 0


def everything(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def still(folder: Path, **settings: Any) -> Iterator[Still]:
    """burnline over two services; its database waits only a moment for a lock."""
    services = folder / "services"
    services.mkdir()
    (services / "scoring.yaml").write_text(SCORING)
    (services / "ranking.yaml").write_text(RANKING)
    columns = {"length": [float(n % 40) for n in range(1000)], "weight": [float(n % 90) for n in range(1000)]}
    save_reference(build_profile(columns, [1.0] * 1000, name="scoring"), services / "reference.json")
    given = {"database": f"sqlite:///{folder}/burnline.db", "services": services, **settings}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "open_database", partial(open_database, busy_timeout=timedelta(seconds=0.2)))
        app = wiring.build(Settings(**given))
    app._workers = Workers([], app.instruments)
    with serving(create_app(app)) as url:
        yield Still(url, app)
