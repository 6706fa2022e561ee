"""A month that was: October 2025 of two services as the embedded engine kept it, with outages, gaps and maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from burnline.events import AlertEvent
from burnline.store.database import open_database
from burnline.store.incidents import start_episode, start_incident
from burnline.store.slo import Memory, Tile, keep_tiles, remember

HOUR = timedelta(hours=1)
OCTOBER = datetime(2025, 10, 1, tzinfo=UTC)
NOVEMBER = datetime(2025, 11, 1, tzinfo=UTC)
HOURS = 31 * 24

SHOP = """
apiVersion: burnline/v1
service: shop
owner: shop-team
description: Takes orders & payments <on every continent>.
slos:
  - {name: availability, objective: 99.9%, window: 30d, description: Nobody likes to order twice.,
     sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}}
  - {name: latency, objective: 99%, window: 30d, sli: {latency: {histogram: latency_seconds, below: 250ms}}}
  - {name: journey, objective: 99%, window: 30d, sli: {composite: {worst_of: [availability, latency]}}}
  - {name: night, objective: 99%, window: {calendar: month}, sli: {same_as: availability}}
exclude:
  - {from: "2025-10-05T02:00:00Z", to: "2025-10-05T06:00:00Z", reason: "database move <script>alert(1)</script> | @all"}
"""
SEARCH = """
apiVersion: burnline/v1
service: search
owner: search-team
slos:
  - {name: freshness, objective: 95%, window: 30d, sli: {freshness: {timestamp: index_timestamp_seconds, max_age: 15m}}}
  - {name: quality, objective: 95%, window: 30d, sli: {ratio: {bad: bad_total, total: all_total}}}
"""
HOSTILE = "<img src=x onerror=alert(1)> `code` | [a](http://evil) @all \x1b[2J \x9b2J"


def write_scene(folder: Path) -> Path:
    """Write service files and database into `folder`; returns the folder of service files."""
    services = folder / "services"
    services.mkdir(parents=True)
    (services / "shop.yaml").write_text(SHOP)
    (services / "search.yaml").write_text(SEARCH)
    db = open_database(f"sqlite:///{folder}/burnline.db")
    try:
        db.write(_fill)
    finally:
        db.close()
    return services


def _fill(tx: Connection) -> None:
    keep_tiles(tx, list(_tiles()))
    closed = NOVEMBER + 2 * HOUR
    remember(tx, {"engine": Memory(closed, {"closed": {"60.0": int(closed.timestamp()) // 60}, "findings": 0})})
    incident = start_incident(tx, service="shop", title="down", severity="page", now=OCTOBER).id
    for labels, began, length in (
        (_labels("page-fast", "page"), OCTOBER + 321 * HOUR + timedelta(minutes=4), timedelta(minutes=37)),
        (_labels("ticket-fast", "ticket"), OCTOBER + 321 * HOUR + timedelta(minutes=20), 3 * HOUR),
        (_labels("page-fast", "page"), OCTOBER + 600 * HOUR + timedelta(minutes=9), None),
        ({"alertname": "SloNoData", "slo": "availability"}, OCTOBER + 456 * HOUR, 12 * HOUR),
        ({"alertname": HOSTILE, "slo": "nobody"}, OCTOBER + 10 * HOUR, HOUR),
        (_labels(HOSTILE, HOSTILE), OCTOBER + 700 * HOUR, HOUR),
        (_labels("page-fast", "page"), NOVEMBER + HOUR, None),  # of another month
    ):
        alert = AlertEvent(
            "test",
            f"{labels}{began}",
            "firing",
            {**labels, "service": "shop"},
            {},
            began,
            None if length is None else began + length,
        )
        start_episode(tx, alert, incident_id=incident, service="shop", now=began)


def _labels(tier: str, severity: str) -> dict[str, str]:
    return {"alertname": "ErrorBudgetBurn", "slo": "availability", "tier": tier, "severity": severity}


def _tiles() -> Iterator[Tile]:
    """A thousand events an hour; a gap of twelve hours on the 20th, an outage at 09:00 on the 14th."""
    for hour in range(HOURS):
        failed = {321: 640.0, 322: 90.0, 600: 40.0}.get(hour, 0.0)
        excluded = 98 <= hour < 102
        if not (456 <= hour < 468 or excluded):
            for slo in ("availability", "night", "journey/availability"):
                yield from _hour(f"shop/{slo}", hour, failed, 1000)
        if not excluded:
            for slo in ("latency", "journey/latency"):
                yield from _hour(f"shop/{slo}", hour, 2, 1000)
        if hour < 300:
            yield from _hour("search/freshness", hour, 0, 60)


def _hour(slo: str, hour: int, bad: float, total: float) -> Iterator[Tile]:
    """One hour in tiles as long as they are kept: minutes for six hours, five of them for three days."""
    count = 1 if hour < 28 * 24 + 2 else 12 if hour < 30 * 24 + 20 else 60
    for number in range(count):
        at = OCTOBER + hour * HOUR + (number + 1) * HOUR / count
        yield Tile(slo, 3600 / count, at, bad / count, total / count, 60 / count)
