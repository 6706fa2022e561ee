"""This machine, from /proc and /sys as the kernel counts it."""

from __future__ import annotations

from burnline.collectors.host.collector import HostCollector

__all__ = ["HostCollector"]
