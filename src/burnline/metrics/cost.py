"""What the GPUs of a service cost, in its own currency {currency}."""

from __future__ import annotations

from burnline.metrics.measured import measured

GPU_SECONDS = measured("burnline_cost_gpu_seconds_total", "GPU time the service has used since burnline started.")
SPENT = measured("burnline_cost_spent_total", "What this GPU time cost, in the currency {currency}.")
IDLE = measured("burnline_cost_idle_total", "The part of it that went to idle GPUs, in the currency {currency}.")
UNIT = measured("burnline_cost_per_unit", "What one unit of {per} cost over the last hour, in the currency {currency}.")
SAVED = measured(
    "burnline_cost_cache_saved_total", "What answers from the cache would have cost, in the currency {currency}."
)
TRAINING = measured(
    "burnline_cost_training_total",
    "What the GPU time of the job {job} cost, in the currency {currency}, once its runs end.",
)
