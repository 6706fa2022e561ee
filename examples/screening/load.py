"""The load generator: held-out rows of the real data at a steady rate, whatever the server answers.

    python -m screening.load --url http://127.0.0.1:8601/predict --rate 80

Every two seconds, and when it is stopped, it prints what came back so far, one JSON object a line. Besides status codes
there are the names of errors, and NOT_SENT for requests it was too slow to send.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from screening.data import Screening

REPORT_SECONDS = 2.0
UNDER_WAY = 64  # at once, over twice what the slow version needs; a pile of waiting requests would slow all of them
NOT_SENT = "not sent"


class Load:
    """An open loop: requests leave at `rate` a second, and a slow server meets no mercy."""

    def __init__(self, client: httpx.AsyncClient, url: str, bodies: Sequence[dict[str, Any]]) -> None:
        self.client, self.url, self.bodies = client, url, bodies
        self.outcomes: Counter[str] = Counter()
        self.stopped = asyncio.Event()

    async def run(self, rate: float, seconds: float) -> None:
        """Send for `seconds` (0: until stopped), then wait for what is still under way."""
        start, sent = time.monotonic(), 0
        running: set[asyncio.Task[None]] = set()
        while not self.stopped.is_set() and (not seconds or time.monotonic() - start < seconds):
            due = int((time.monotonic() - start) * rate)
            room = min(due - sent, UNDER_WAY - len(running))
            for _ in range(room):
                task = asyncio.create_task(self.send(random.choice(self.bodies)))
                running.add(task)
                task.add_done_callback(running.discard)
            if due - sent > room:
                self.outcomes[NOT_SENT] += due - sent - room
            sent = due
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*running)

    async def send(self, body: dict[str, Any]) -> None:
        """One request; an error is an outcome like any other."""
        try:
            self.outcomes[str((await self.client.post(self.url, json=body)).status_code)] += 1
        except httpx.HTTPError as error:
            self.outcomes[type(error).__name__] += 1

    async def report(self) -> None:
        """Print the outcomes again and again; cancelled when the load ends."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self.print()

    def print(self) -> None:
        """What came back so far, as one line of JSON."""
        print(json.dumps(self.outcomes, sort_keys=True), flush=True)


async def load(url: str, rate: float, seconds: float) -> None:
    """Run until the time is up, or TERM or INT arrives."""
    screening = Screening()
    rows = [dict(zip(screening.features, map(float, row), strict=True)) for row in screening.held_out]
    async with httpx.AsyncClient(timeout=5, limits=httpx.Limits(max_connections=200)) as client:
        generator = Load(client, url, [{"features": row} for row in rows])
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, generator.stopped.set)
        reporting = asyncio.create_task(generator.report())
        await generator.run(rate, seconds)
        reporting.cancel()
        generator.print()


def main() -> None:
    """Read the options and go."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--url", default="http://127.0.0.1:8601/predict")
    options.add_argument("--rate", type=float, default=80)
    options.add_argument("--seconds", type=float, default=0)
    chosen = options.parse_args()
    asyncio.run(load(chosen.url, chosen.rate, chosen.seconds))


if __name__ == "__main__":
    main()
