"""A service that is scraped, and the engine that watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.events import Burn, Collection, Sample, SloStatus
from burnline.slo.engine import EmbeddedEngine
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database, open_database

URL = "http://127.0.0.1:8000/metrics"
AVAILABILITY = {
    "name": "availability",
    "objective": "99.9%",
    "window": "30d",
    "sli": {"ratio": {"bad": 'http_requests_total{status=~"5.."}', "total": "http_requests_total"}},
}
# Twelve hours page over one minute and five seconds: the workbook's windows, sixty times faster.
FAST = {**AVAILABILITY, "objective": "99%", "window": "12h"}


class World:
    """Time, a service with counters of its own, and an engine that can be killed."""

    def __init__(self, db: Database, now: datetime) -> None:
        self.db = db
        self.now = now
        self.counters: dict[tuple[tuple[str, str], ...], float] = {}
        self.specs: Sequence[ServiceSpec] = ()

    def promise(self, *slos: Mapping[str, Any], interval: str = "15s", **service: Any) -> EmbeddedEngine:
        """Make the service file and start the engine."""
        body = {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "slos": slos or (AVAILABILITY,)}
        spec = ServiceSpec.model_validate({**body, "collect": [{"url": URL, "interval": interval}], **service})
        self.specs = (spec,)
        return self.restart()

    def restart(self) -> EmbeddedEngine:
        """Kill the engine (it is simply dropped) and start another on the same database."""
        self.engine = EmbeddedEngine(self.db, self.specs)
        return self.engine

    def serve(self, *, ok: float = 0, failed: float = 0) -> None:
        """Requests that the service answered since the last look."""
        for status, count in (("200", ok), ("500", failed)):
            if count:
                key = (("status", status),)
                self.counters[key] = self.counters.get(key, 0) + count

    def scrape(self, samples: Sequence[Sample] | None = None, *, target: str = URL, at: datetime | None = None) -> None:
        """One successful scrape of the request counters, or of `samples`."""
        if samples is None:
            samples = [Sample("http_requests_total", dict(key), value) for key, value in self.counters.items()]
        self.engine.observe(Collection("shop", "scrape", target, at or self.now, 0.01, True, tuple(samples)))

    def scrape_fails(self, error: str) -> None:
        self.engine.observe(Collection("shop", "scrape", URL, self.now, 0.01, False, error=error))

    def tick(self, step: timedelta, *, ok: float = 0, failed: float = 0, scrape: bool = True) -> SloStatus:
        """Let `step` pass: traffic, then a scrape, then the engine's turn."""
        return self.run(step, step, ok=ok, failed=failed, scrape=scrape)

    def run(
        self, length: timedelta, step: timedelta, *, ok: float = 0, failed: float = 0, scrape: bool = True
    ) -> SloStatus:
        """Traffic and a scrape every `step`, then the engine's turn: it closes tile by tile, early or late."""
        for _ in range(length // step):
            self.now += step
            self.serve(ok=ok, failed=failed)
            if scrape:
                self.scrape()
        self.engine.run_once(self.now)
        return self.status()

    def status(self, slo: str | None = None) -> SloStatus:
        found = [status for status in self.engine.statuses() if slo in (None, status.slo)]
        return found[0]

    def firing(self, slo: str | None = None) -> list[str]:
        return [burn.tier for burn in self.status(slo).burns if burn.firing]

    def burn(self, tier: str) -> Burn:
        return next(burn for burn in self.status().burns if burn.tier == tier)


class Twins:
    """Two engines with the same life, each on its own database: one lives on, the other can be killed.

    Their statuses are the same but for `since`, which is as exact as what is kept of so long ago.
    """

    def __init__(self, worlds: Sequence[World]) -> None:
        self.worlds = worlds
        self.living, self.mortal = worlds

    def promise(self, *slos: Mapping[str, Any], **service: Any) -> None:
        for world in self.worlds:
            world.promise(*slos, **service)

    def go_to(self, now: datetime) -> None:
        for world in self.worlds:
            world.now = now

    def run(self, length: timedelta, step: timedelta, **traffic: Any) -> SloStatus:
        for world in self.worlds:
            world.run(length, step, **traffic)
        self.compare()
        return self.living.status()

    def kill(self) -> None:
        self.mortal.restart()
        self.compare()

    def compare(self) -> None:
        for mortal, living in zip(*(world.engine.statuses() for world in self.worlds), strict=True):
            assert replace(mortal, since=None) == replace(living, since=None), mortal.slo

    def status(self, slo: str | None = None) -> SloStatus:
        return self.living.status(slo)


@pytest.fixture
def world(database: Database, now: datetime) -> World:
    return World(database, now)


@pytest.fixture
def twins(database: Database, now: datetime, tmp_path: Path) -> Iterator[Twins]:
    other = open_database(f"sqlite:///{tmp_path / 'twin.db'}")
    yield Twins((World(database, now), World(other, now)))
    other.close()


@pytest.fixture
def gauge() -> Callable[[float], list[Sample]]:
    return lambda value: [Sample("queue_depth", {"queue": "in"}, value)]
