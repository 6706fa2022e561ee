"""A program that predicts and tells burnline, with labels that come later.

BURNLINE_URL=http://127.0.0.1:8600 python examples/client/plain.py card-fraud 1000
"""

from __future__ import annotations

import random
import sys

from burnline.client import Client


def decide(amount: float) -> tuple[str, float]:
    """The model of this example."""
    return ("fraud", 0.9) if amount > 90 else ("fine", 0.99)


def main(service: str, events: int) -> None:
    client = Client(service, version="1")
    chance = random.Random(1)
    for number in range(events):
        amount = chance.uniform(0, 100)
        answer, sure = decide(amount)
        client.prediction({"amount": amount, "country": chance.choice(["DE", "FR"])}, answer, sure, id=f"tx-{number}")
    for number in range(0, events, 10):  # a tenth of them was looked at
        client.label(f"tx-{number}", "fine")
    client.close(seconds=60)
    print(client.stats)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
