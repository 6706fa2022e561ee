"""Security, as logs and those who post it tell."""

from __future__ import annotations

from burnline.metrics.measured import measured

EVENTS = measured("burnline_security_events_total", "Security events, by {kind}.")
