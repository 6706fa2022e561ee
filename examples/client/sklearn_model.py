"""A scikit-learn model that tells burnline of every row it predicts.

BURNLINE_URL=http://127.0.0.1:8600 python examples/client/sklearn_model.py card-fraud 1000
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

from burnline.client import Client, watch


def train(rng: np.random.Generator) -> LogisticRegression:
    rows = rng.normal(0, 1, (500, 2))
    return LogisticRegression().fit(rows, (rows.sum(axis=1) > 0).astype(int))


def main(service: str, events: int) -> None:
    rng = np.random.default_rng(1)
    client = Client(service, version="1")
    sent = iter(range(events))
    model = watch(train(rng), client, names=["amount", "age"], ids=lambda _place, _features: f"row-{next(sent)}")
    for _ in range(events // 100):
        model.predict(rng.normal(0, 1, (100, 2)))
    client.close(seconds=60)
    print(client.stats)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
