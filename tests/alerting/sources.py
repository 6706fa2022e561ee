"""An Alertmanager and a Prometheus from memory: they answer as the real ones do, over httpx."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import yaml

from burnline.alerting.alertmanager import Alertmanager
from burnline.alerting.firing import PrometheusAlerts
from burnline.alerting.webhook import fingerprint

Labels = Mapping[str, str]
HOOK = {"url": "http://burnline/v1/alerts", "send_resolved": True, "max_alerts": 0}
CONFIG = {"receivers": [{"name": "burnline", "webhook_configs": [HOOK | {"http_config": {"follow_redirects": False}}]}]}


@dataclass
class FakeAlertmanager:
    """What it was sent and has not ended; `down` while nobody can reach it."""

    name: str
    started_at: datetime
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    config: Any = field(default_factory=lambda: CONFIG)
    down: bool = False
    asked: int = 0

    def send(self, labels: Labels, starts_at: datetime, *, at: datetime | None = None, **more: Any) -> None:
        """Prometheus sends a firing alert."""
        alert = {
            "labels": dict(labels),
            "annotations": {"summary": "as told"},
            "startsAt": starts_at.isoformat(),
            "endsAt": (starts_at + timedelta(minutes=4)).isoformat(),
            "updatedAt": (at or starts_at).isoformat(),
            "fingerprint": fingerprint(labels),
            "generatorURL": "http://prometheus/graph",
            "receivers": [{"name": "burnline"}],
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        }
        self.alerts[fingerprint(labels)] = alert | more

    def end(self, labels: Labels) -> None:
        """Prometheus sends that it is over, or it is forgotten."""
        self.alerts.pop(fingerprint(labels), None)

    def hold(self, labels: Labels) -> None:
        """Somebody silences it."""
        self.alerts[fingerprint(labels)]["status"] = {"state": "suppressed", "silencedBy": ["s"], "inhibitedBy": []}

    def client(self) -> Alertmanager:
        return Alertmanager(
            f"http://user:secret@{self.name}:9093", httpx.Client(transport=httpx.MockTransport(self._answer))
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.down:
            raise httpx.ConnectError("connection refused")
        if request.url.path == "/api/v2/alerts":
            return httpx.Response(200, json=list(self.alerts.values()))
        assert request.url.path == "/api/v2/status"
        config = {"original": yaml.safe_dump(self.config)}
        return httpx.Response(200, json={"config": config, "uptime": self.started_at.isoformat()})


@dataclass
class FakePrometheus:
    """The series ALERTS: when each alert was seen to fire. The end of time is `now`, an evaluation every `step`."""

    now: datetime
    fires: list[tuple[Labels, datetime, datetime | None]] = field(default_factory=list)
    config: Any = field(default_factory=dict)
    step: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(days=30)
    warnings: list[str] = field(default_factory=list)
    down: bool = False
    queries: list[str] = field(default_factory=list)

    def fire(self, labels: Labels, since: datetime, until: datetime | None = None) -> None:
        """The alert fires from `since` to `until`, by its rule."""
        self.fires.append((labels, since, until))

    def client(self) -> PrometheusAlerts:
        return PrometheusAlerts("http://prometheus:9090", httpx.Client(transport=httpx.MockTransport(self._answer)))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ReadTimeout("timed out")
        if request.url.path == "/api/v1/status/config":
            return httpx.Response(200, json={"status": "success", "data": {"yaml": yaml.safe_dump(self.config)}})
        query = request.url.params["query"]
        self.queries.append(query)
        return self._query(query)

    def _query(self, query: str) -> httpx.Response:
        found = re.fullmatch(
            r'(max_over_time\()?ALERTS\{alertstate="firing"(?:,alertname=~"(.*)")?\}(?:\[(\w+)\])?\)?', query
        )
        assert found, query
        window = _seconds(found[3]) if found[3] else timedelta(0)
        if window > self.longest:
            return httpx.Response(
                422, json={"status": "error", "error": "query processing would load too many samples"}
            )
        result: list[dict[str, Any]] = []
        for labels, since, until in self.fires:
            times = self._evaluations(max(since, self.now - window), until)
            if not times or (found[2] and not re.fullmatch(found[2], labels.get("alertname", ""))):
                continue
            metric = {"__name__": "ALERTS", "alertstate": "firing", **labels}
            if found[3] and not found[1]:
                result.append({"metric": metric, "values": [[at.timestamp(), "1"] for at in times]})
            else:
                result.append({"metric": metric, "value": [self.now.timestamp(), "1"]})
        kind = "matrix" if found[3] and not found[1] else "vector"
        answer = {"status": "success", "data": {"resultType": kind, "result": result}, "warnings": self.warnings}
        return httpx.Response(200, json=answer)

    def _evaluations(self, since: datetime, until: datetime | None) -> list[datetime]:
        last = self.now if until is None else min(until, self.now)
        return [since + n * self.step for n in range(int((last - since) / self.step) + 1)] if since <= last else []


def _seconds(text: str) -> timedelta:
    units = {"h": 3600, "m": 60, "s": 1}
    return timedelta(seconds=sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([hms])", text)))
