"""The doors of OTLP over a database, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from burnline.collectors.otlp.door import OtlpDoor, Signal
from burnline.collectors.otlp.json_body import Json
from burnline.collectors.otlp.protobuf import Protobuf
from burnline.collectors.otlp.sheet import Receipt
from burnline.exposition.exemplars import Exemplars
from burnline.spec.service import ServiceSpec
from burnline.store import series, streams
from burnline.store.database import Database

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
Series = tuple[str, tuple[tuple[str, str], ...]]


def spec(service: str = "shop", **telemetry: Any) -> ServiceSpec:
    """A service with this `telemetry`."""
    head = {"apiVersion": "burnline/v1", "service": service, "owner": "team"}
    return ServiceSpec.model_validate({**head, "telemetry": telemetry})


class Scene:
    """Doors of one service or several."""

    def __init__(self, db: Database, *specs: ServiceSpec) -> None:
        self.db = db
        self.specs = specs or (spec(),)
        self.restart()

    def restart(self) -> None:
        """A new process: what was in memory is gone."""
        self.exemplars = Exemplars()
        self.door = OtlpDoor(self.db, self.specs, self.exemplars)

    def post(self, signal: Signal, body: str | bytes, now: datetime = NOW) -> Receipt:
        """One body: a text is JSON, bytes are protobuf."""
        if isinstance(body, str):
            return self.door.accept(signal, Json(), body.encode(), now)
        return self.door.accept(signal, Protobuf(), body, now)

    def values(self, service: str = "shop", prefix: str = "") -> dict[str, float]:
        """Every series of a service that begins so, as Prometheus would write it."""
        with self.db.read() as tx:
            found = [*series.samples(tx, service), *streams.gauges(tx, service, since=datetime.min.replace(tzinfo=UTC))]
        return {written(each.name, each.labels): each.value for each in found if each.name.startswith(prefix)}


def written(name: str, labels: Mapping[str, str]) -> str:
    """`name{a="b"}`."""
    inner = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name
