"""Every name that burnline measures itself: all modules that enter some are imported here."""

from __future__ import annotations

from burnline.metrics import (
    answers,
    business,
    cost,
    events,
    genai,
    gpu,
    host,
    jobs,
    otlp,
    queues,
    registry,
    security,
    serving,
    storage,
)
from burnline.metrics.measured import MEASURED

__all__ = [
    "MEASURED",
    "answers",
    "business",
    "cost",
    "events",
    "genai",
    "gpu",
    "host",
    "jobs",
    "otlp",
    "queues",
    "registry",
    "security",
    "serving",
    "storage",
]
