"""The load generator: held-out rows of the real data at a steady rate, whatever the server answers.

python -m screening.load --url http://127.0.0.1:8601/predict --rate 80
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections import Counter

import httpx

from screening.data import Screening


async def send(client: httpx.AsyncClient, url: str, body: dict[str, object], outcomes: Counter[str]) -> None:
    """One request; an error is an outcome like any other."""
    try:
        outcomes[str((await client.post(url, json=body)).status_code)] += 1
    except httpx.HTTPError as error:
        outcomes[type(error).__name__] += 1


async def load(url: str, rate: float, seconds: float) -> Counter[str]:
    """Send `rate` requests a second for `seconds` (0: until stopped), open loop: a slow server meets no mercy."""
    screening = Screening()
    rows = [dict(zip(screening.features, map(float, row), strict=True)) for row in screening.held_out]
    outcomes: Counter[str] = Counter()
    start, sent, running = time.monotonic(), 0, set()
    async with httpx.AsyncClient(timeout=5, limits=httpx.Limits(max_connections=200)) as client:
        while not seconds or time.monotonic() - start < seconds:
            due = int((time.monotonic() - start) * rate)
            for _ in range(min(due - sent, 100)):
                task = asyncio.create_task(send(client, url, {"features": random.choice(rows)}, outcomes))
                running.add(task)
                task.add_done_callback(running.discard)
            sent = due
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*running)
    return outcomes


def main() -> None:
    """Run until the time is up, then print what came back."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", default="http://127.0.0.1:8601/predict")
    options.add_argument("--rate", type=float, default=80)
    options.add_argument("--seconds", type=float, default=0)
    chosen = options.parse_args()
    print(json.dumps(asyncio.run(load(chosen.url, chosen.rate, chosen.seconds))))


if __name__ == "__main__":
    main()
