"""Durable writes a second by group commit (synchronous=FULL), for 1 to 64 writers that each wait for their commit."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter

from burnline.store.database import Database, open_database
from burnline.store.inbox import ALERTS, accept

BODY = b"x" * 1300  # one Alertmanager webhook with one alert
SECONDS = 2.0


def write_until(db: Database, until: float) -> list[float]:
    """The seconds each write took."""
    now, took = datetime.now(UTC), []
    while (started := perf_counter()) < until:
        db.write(lambda tx: accept(tx, kind=ALERTS, source="bench", body=BODY, now=now))
        took.append(perf_counter() - started)
    return took


def main() -> None:
    print("| writers that wait | durable writes a second | p50, ms | p99, ms |\n|---|---|---|---|")
    for writers in (1, 8, 32, 64):
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(writers) as threads:
            db = open_database(f"sqlite:///{folder}/burnline.db")
            until = perf_counter() + SECONDS
            times = sorted(t for took in threads.map(write_until, [db] * writers, [until] * writers) for t in took)
            db.close()
        rate = len(times) / SECONDS
        p50, p99 = (times[int(len(times) * share)] * 1e3 for share in (0.5, 0.99))
        print(f"| {writers} | {rate:,.0f} | {p50:.1f} | {p99:.1f} |")


if __name__ == "__main__":
    main()
