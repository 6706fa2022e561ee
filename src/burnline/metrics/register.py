"""Every name that burnline measures itself: all modules that enter some are imported here."""

from __future__ import annotations

from burnline.metrics import business, cost, gpu, host, queues, serving
from burnline.metrics.measured import MEASURED

__all__ = ["MEASURED", "business", "cost", "gpu", "host", "queues", "serving"]
