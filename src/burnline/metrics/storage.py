"""Object storage, vector stores and databases under one set of names, with the label {backend}. Unknown is absent."""

from __future__ import annotations

from burnline.metrics.measured import measured

UP = measured("burnline_storage_up", "1 while the store answers its exporter, 0 while it does not.")
CAPACITY = measured("burnline_storage_capacity_bytes", "Bytes that can be stored in all, redundancy taken off.")
FREE = measured("burnline_storage_free_bytes", "Bytes that can still be stored, redundancy taken off.")
USED = measured("burnline_storage_used_bytes", "Bytes that are stored, as the store counts them.")
OBJECTS = measured("burnline_storage_objects", "Objects, points or rows that are stored.")
VECTORS = measured("burnline_storage_vectors", "Vectors that are stored.")
COLLECTIONS = measured("burnline_storage_collections", "Collections, buckets or classes that there are.")
REQUESTS = measured("burnline_storage_requests_total", "Requests that were answered, well or badly.")
ERRORS = measured("burnline_storage_errors_total", "Requests that failed by the store's own fault.")
THROTTLED = measured(
    "burnline_storage_throttled_requests_total", "Requests turned away over a limit of rate, quota or memory."
)
WAITING = measured("burnline_storage_waiting_requests", "Requests that wait because as many as may be are in work.")
REPLICATION_LAG = measured(
    "burnline_storage_replication_lag_seconds",
    "How far a replica is behind what it follows; 0 on a primary of PostgreSQL.",
)
REPLICATION_LAG_BYTES = measured(
    "burnline_storage_replication_lag_bytes", "How much of the primary's log a replica has not replayed."
)
REPLICATION_UP = measured(
    "burnline_storage_replication_up", "1 while a link between copies is connected, 0 while it is not."
)
REPLICAS = measured("burnline_storage_replicas", "Replicas connected to this primary, which could take over.")
REPLICAS_DOWN = measured("burnline_storage_replicas_down", "Copies that should be active and are not.")
IS_REPLICA = measured("burnline_storage_is_replica", "1 on a replica, 0 on a primary.")
