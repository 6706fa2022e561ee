"""The model server: POST /predict, GET /metrics, GET /healthz.

It serves whatever version the registry's alias names, within half a second of a change, and posts what it predicted
to burnline in batches. Losing burnline costs it nothing: the buffer is bounded and sending is in its own thread.

    python -m screening.server --port 8601 --registry REGISTRY --events http://127.0.0.1:8600/v1/predictions
"""

from __future__ import annotations

import argparse
import asyncio
import queue
import random
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from screening.data import Screening
from screening.registry import live_version

SERVICE = "tumour-screening"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class EventSender(threading.Thread):
    """Posts prediction events once a half second; drops and counts what does not fit or cannot be sent."""

    def __init__(self, url: str, token: str, dropped: Counter) -> None:
        super().__init__(daemon=True)
        self.url, self.dropped = url, dropped
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue(maxsize=10_000)

    def add(self, version: str, event: dict[str, Any]) -> None:
        try:
            self.waiting.put_nowait((version, event))
        except queue.Full:
            self.dropped.inc()

    def run(self) -> None:
        with httpx.Client(timeout=2, headers=self.headers) as client:
            while True:
                time.sleep(0.5)
                for version, events in self._take().items():
                    self._send(client, version, events)

    def _take(self) -> dict[str, list[dict[str, Any]]]:
        batches: dict[str, list[dict[str, Any]]] = {}
        while not self.waiting.empty():
            version, event = self.waiting.get_nowait()
            batches.setdefault(version, []).append(event)
        return batches

    def _send(self, client: httpx.Client, version: str, events: list[dict[str, Any]]) -> None:
        try:
            client.post(self.url, json={"service": SERVICE, "version": version, "events": events}).raise_for_status()
        except httpx.HTTPError:
            self.dropped.inc(len(events))


class Server:
    """The model, the version that is live, and what is counted about both."""

    def __init__(self, registry: Path, events_url: str, token: str) -> None:
        self.screening = Screening()
        self.registry = registry
        self.version, self.settings = live_version(registry)
        self.metrics = CollectorRegistry()
        self.requests = Counter(
            "http_requests", "Requests answered.", ["status", "model_version"], registry=self.metrics
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time to answer a request.",
            ["model_version"],
            buckets=BUCKETS,
            registry=self.metrics,
        )
        self.info = Gauge("model_info", "1 for the version that serves.", ["model_version"], registry=self.metrics)
        self.info.labels(self.version).set(1)
        dropped = Counter("prediction_events_dropped", "Events not delivered.", registry=self.metrics)
        self.sender = EventSender(events_url, token, dropped)
        self.sender.start()

    async def follow_registry(self) -> None:
        """Serve what the alias names: looked up twice a second; an unreadable registry changes nothing."""
        while True:
            await asyncio.sleep(0.5)
            try:
                version, settings = live_version(self.registry)
            except (OSError, ValueError, KeyError):
                continue
            if version != self.version:
                self.version, self.settings = version, settings
                self.info.clear()
                self.info.labels(version).set(1)

    async def predict(self, request: Request) -> Response:
        start, version, settings = time.perf_counter(), self.version, self.settings
        try:
            features = self._scaled((await request.json())["features"], settings["scale"])
        except ClientDisconnect:  # nobody reads this answer, but it is counted
            return self._answer({"error": "the client went away"}, 499, version, start)
        except (ValueError, KeyError, TypeError):
            return self._answer({"error": "send {features: {name: number, ...}}"}, 400, version, start)
        if not await self._lookup(settings["lookup"]):
            return self._answer({"error": "feature lookup failed"}, 503, version, start)
        row = np.array([[features[name] for name in self.screening.features]])
        chance = self.screening.model.predict_proba(row)[0]
        label = "benign" if chance[1] >= 0.5 else "malignant"
        confidence = float(np.max(chance))
        self.sender.add(version, {"features": features, "prediction": label, "confidence": confidence})
        return self._answer({"prediction": label, "confidence": confidence, "version": version}, 200, version, start)

    def page(self, _request: Request) -> Response:
        return PlainTextResponse(generate_latest(self.metrics), media_type="text/plain; version=0.0.4")

    def _scaled(self, features: dict[str, float], scale: dict[str, float]) -> dict[str, float]:
        return {name: float(features[name]) * scale.get(name, 1.0) for name in self.screening.features}

    async def _lookup(self, lookup: dict[str, float]) -> bool:
        if lookup["delay_seconds"]:
            await asyncio.sleep(lookup["delay_seconds"])
        return random.random() >= lookup["failure_share"]

    def _answer(self, body: dict[str, Any], status: int, version: str, start: float) -> Response:
        self.requests.labels(str(status), version).inc()
        self.duration.labels(version).observe(time.perf_counter() - start)
        return JSONResponse(body, status_code=status)


def create_app(server: Server) -> Starlette:
    """The HTTP surface of the server."""

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    @asynccontextmanager
    async def follow(_app: Starlette) -> AsyncIterator[None]:
        follower = asyncio.create_task(server.follow_registry())
        yield
        follower.cancel()

    return Starlette(
        routes=[
            Route("/predict", server.predict, methods=["POST"]),
            Route("/metrics", server.page),
            Route("/healthz", healthy),
        ],
        lifespan=follow,
    )


def main() -> None:
    """Train, then serve until stopped."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8601)
    options.add_argument("--registry", type=Path, required=True)
    options.add_argument("--events", default="http://127.0.0.1:8600/v1/predictions")
    options.add_argument("--token-file", type=Path, help="where burnline's token is, if it asks for one")
    chosen = options.parse_args()
    token = chosen.token_file.read_text().strip() if chosen.token_file else ""
    server = Server(chosen.registry, chosen.events, token)
    uvicorn.run(create_app(server), host=chosen.host, port=chosen.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
