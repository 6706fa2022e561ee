"""Every name that burnline measures itself: all modules that enter some are imported here."""

from __future__ import annotations

from burnline.metrics import gpu, host, queues, serving
from burnline.metrics.measured import MEASURED

__all__ = ["MEASURED", "gpu", "host", "queues", "serving"]
