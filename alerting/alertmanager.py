"""What one Alertmanager says over its API, version 2: which alerts it has, whom it tells of them, how it is set up.

Shapes: alertmanager/api/v2/openapi.yaml (0.25 to 0.34).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from burnline.alerting.source import Source
from burnline.alerting.webhook import ALERTMANAGER, read_alert
from burnline.errors import PayloadError, SourceError
from burnline.events import AlertEvent

ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Listed:
    """One alert that an Alertmanager has and that has not ended.

    Attributes:
        updated_at: when it was last sent to that Alertmanager.
        active: it is neither silenced nor inhibited.
        receivers: whom that Alertmanager's routes would tell.
    """

    event: AlertEvent
    updated_at: datetime
    active: bool
    receivers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything one Alertmanager has; `refused`: why some of it cannot be read."""

    alerts: tuple[Listed, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """How one Alertmanager is set up (`config` is YAML, with secrets masked), and since when it runs."""

    config: str
    started_at: datetime


class Alertmanager(Source):
    """One Alertmanager's API."""

    def alerts(self, now: datetime) -> Listing:
        """Every alert it has, also those it tells nobody of.

        Raises: SourceError.
        """
        told = self.get("/api/v2/alerts")
        if not isinstance(told, list):
            raise SourceError(f"{self.place}: its alerts are no list")
        alerts, refused = [], []
        for n, each in enumerate(told):
            try:
                alerts.append(_listed(each, now))
            except (PayloadError, ValueError, TypeError, LookupError, AttributeError) as error:
                refused.append(f"{self.place}: alert {n}: {error}")
        return Listing(tuple(alerts), tuple(refused))

    def status(self) -> Status:
        """Raises: SourceError."""
        told = self.get("/api/v2/status")
        try:
            return Status(str(told["config"]["original"]), _moment(told["uptime"]))
        except (ValueError, TypeError, LookupError) as error:
            raise SourceError(f"{self.place}: its status cannot be read: {error}") from error


def _listed(told: Mapping[str, Any], now: datetime) -> Listed:
    firing = {**told, "status": "firing", "endsAt": None}
    return Listed(
        event=read_alert(firing, ALERTMANAGER, now),
        updated_at=_moment(told["updatedAt"]),
        active=told["status"]["state"] == ACTIVE,
        receivers=frozenset(str(receiver["name"]) for receiver in told["receivers"]),
    )


def _moment(text: Any) -> datetime:
    """Raises: ValueError."""
    return msgspec.convert(text, datetime).astimezone(UTC)
