"""Alertmanager webhook bodies, as tests need them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

BURN = {"alertname": "ErrorBudgetBurn", "service": "card-fraud", "slo": "availability", "severity": "page"}
FINGERPRINT = "0123456789abcdef"


def alert(
    starts_at: datetime,
    ends_at: datetime | None = None,
    *,
    labels: Mapping[str, str] = BURN,
    fingerprint: str = FINGERPRINT,
    **more: Any,
) -> dict[str, Any]:
    """One alert of a webhook; resolved when it has an end."""
    return {
        "status": "firing" if ends_at is None else "resolved",
        "labels": dict(labels),
        "annotations": {"summary": "card-fraud answers with errors"},
        "startsAt": starts_at.isoformat(),
        "endsAt": ends_at.isoformat() if ends_at else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
        **more,
    }


def webhook(*alerts: Mapping[str, Any], **more: Any) -> bytes:
    """A body as Alertmanager 0.25 sends it."""
    body = {
        "receiver": "burnline",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}:{alertname="ErrorBudgetBurn"}',
        "truncatedAlerts": 0,
        **more,
    }
    return json.dumps(body).encode()
