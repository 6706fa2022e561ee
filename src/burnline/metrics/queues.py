"""Queues, each series with the labels {queue, backend}, and {group} where consumers have one. Unknown is absent."""

from __future__ import annotations

from burnline.metrics.measured import measured

READY = measured("burnline_queue_messages_ready", "Messages that wait and nobody has taken; a consumer group's lag.")
INFLIGHT = measured("burnline_queue_messages_inflight", "Messages that were taken and are not acknowledged yet.")
DELAYED = measured("burnline_queue_messages_delayed", "Messages that nobody may take before a certain time.")
OLDEST_AGE = measured(
    "burnline_queue_oldest_message_age_seconds", "How long the oldest message that waits has waited; 0 when none waits."
)
OLDEST_TIMESTAMP = measured(
    "burnline_queue_oldest_message_timestamp_seconds",
    "When the oldest message that waits was sent; the moment of the look when none waits.",
)
INFLIGHT_AGE = measured(
    "burnline_queue_oldest_inflight_age_seconds",
    "How long the oldest message in flight has been with whoever took it; 0 when none is.",
)
CONSUMERS = measured("burnline_queue_consumers", "Consumers that the backend knows.")
ARRIVED = measured("burnline_queue_messages_arrived_total", "Messages that ever came in, as the backend counts them.")
SERVED = measured("burnline_queue_messages_served_total", "Messages that were done, as the backend counts them.")
