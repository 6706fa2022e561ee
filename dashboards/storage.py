"""What keeps a service's data: is it there, is it full, does it turn requests away, could another take over."""

from __future__ import annotations

from burnline.dashboards.asking import over, rate, ratio, series, value
from burnline.dashboards.panels import Panel, Query
from burnline.metrics import storage

BY = ("backend", "collector")
EACH = "{{collector}}"
SILENT = "its page does not show it"

_CAPACITY, _FREE = (over("sum", BY, series(name)) for name in (storage.CAPACITY, storage.FREE))

STORAGE = (
    Panel(
        "Storage: up",
        "Does every store answer? 0: whatever needs it fails now.",
        (value(storage.UP, *BY, legend=EACH, how="min"),),
        "bool",
        high=1,
        empty_ok=SILENT,
    ),
    Panel(
        "Storage: full",
        "How full is it? Near 100 % it refuses to write: delete, or add disks before that.",
        (Query(f"1 - {_FREE} / ({_CAPACITY} > 0)", EACH),),
        "percentunit",
        high=1,
        empty_ok=SILENT,
    ),
    Panel(
        "Storage: size",
        "How much is stored, and how much fits? A step up without a release: somebody copies, or nothing is deleted.",
        (
            value(storage.USED, *BY, legend=f"{EACH} used"),
            value(storage.FREE, *BY, legend=f"{EACH} free"),
            value(storage.CAPACITY, *BY, legend=f"{EACH} in all"),
        ),
        "bytes",
        empty_ok=SILENT,
    ),
    Panel(
        "Storage: what is in it",
        "How many objects, vectors and collections are there? Fewer than there were: was an index rebuilt?",
        (
            value(storage.OBJECTS, *BY, legend=f"{EACH} objects"),
            value(storage.VECTORS, *BY, legend=f"{EACH} vectors"),
            value(storage.COLLECTIONS, *BY, legend=f"{EACH} collections"),
        ),
        "short",
        empty_ok=SILENT,
    ),
    Panel(
        "Storage: requests",
        "How much is asked of it, and how much is turned away? Throttled: ask less at once, or raise the limit.",
        (
            rate(storage.REQUESTS, *BY, legend=f"{EACH} all"),
            rate(storage.ERRORS, *BY, legend=f"{EACH} failed"),
            rate(storage.THROTTLED, *BY, legend=f"{EACH} throttled"),
        ),
        "reqps",
        empty_ok="nothing was asked of it",
    ),
    Panel(
        "Storage: requests that fail",
        "Which share fails by the store's own fault? It rises with what waits: it is too small.",
        (ratio(storage.ERRORS, storage.REQUESTS, *BY, legend=EACH),),
        "percentunit",
        high=1,
        empty_ok="nothing was asked of it",
    ),
    Panel(
        "Storage: requests that wait",
        "How many wait because others are in work? It stays above 0: it is too small for what is asked.",
        (value(storage.WAITING, *BY, legend=EACH),),
        empty_ok=SILENT,
    ),
    Panel(
        "Storage: replication lag",
        "How far are copies behind? So much would be lost in a failover, and is missing where the copy is read.",
        (value(storage.REPLICATION_LAG, *BY, "replica", legend=f"{EACH} {{{{replica}}}}", how="max"),),
        "s",
        empty_ok=SILENT,
    ),
    Panel(
        "Storage: replication lag in bytes",
        "How much has a copy not replayed yet? It grows: its disk, or the network to it, is too slow.",
        (value(storage.REPLICATION_LAG_BYTES, *BY, "replica", legend=f"{EACH} {{{{replica}}}}", how="max"),),
        "bytes",
        empty_ok=SILENT,
    ),
    Panel(
        "Storage: ready for a failover",
        "Could another take over now? No replica, or links that are down: mend that before anything else is touched.",
        (
            value(storage.REPLICAS, *BY, legend=f"{EACH} replicas"),
            value(storage.REPLICAS_DOWN, *BY, legend=f"{EACH} replicas down"),
            value(storage.REPLICATION_UP, *BY, legend=f"{EACH} worst link up", how="min"),
            value(storage.IS_REPLICA, *BY, legend=f"{EACH} is a replica", how="max"),
        ),
        empty_ok=SILENT,
    ),
)
