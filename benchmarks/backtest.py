"""A backtest of 30 days of one SLO: every minute's windows, budget and alerts.

Beside it, in the same run, the embedded engine's own group, turned minute by minute.
Run: python benchmarks/backtest.py [DAYS]
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from burnline.slo.backtest.replay import replay
from burnline.slo.group import Group, groups_of
from burnline.slo.promise import promises_of
from burnline.spec.service import ServiceSpec

START = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PEER_DAYS = 3  # of the turns, to be done in seconds; printed as for all days


def counted(days: int) -> Group:
    """A group in which so many days of 500 events a minute were counted, a few of them bad."""
    slo = {"name": "a", "objective": "99.9%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}}
    body = {"apiVersion": "burnline/v1", "service": "bench", "owner": "team", "slos": [slo]}
    [group] = groups_of(list(promises_of(ServiceSpec.model_validate(body))))
    bad = np.random.default_rng(1).poisson(0.3, days * 1440).tolist()
    for minute, failures in enumerate(bad, 1):
        group.count(START + minute * MINUTE, 0, bad=failures, total=500, seen=1)
    return group


def main() -> None:
    days = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    group = counted(days)
    start = time.perf_counter()
    found = replay(group, START + timedelta(days=days))
    spent = time.perf_counter() - start
    assert len(found["a"].at) == days * 1440

    peer = counted(PEER_DAYS)
    start = time.perf_counter()
    for minute in range(1, PEER_DAYS * 1440 + 1):
        peer.close_upto(START + minute * MINUTE)
        peer.evaluate()
    turned = time.perf_counter() - start

    ours, theirs = days / spent, PEER_DAYS / turned
    print(f"backtest, {days} days of one SLO:      {spent * 1000:8.1f} ms  {ours:10.0f} SLO-days per second")
    whole = turned / PEER_DAYS * days * 1000
    print(f"the engine's own group, turn by turn:  {whole:8.1f} ms  {theirs:10.1f} SLO-days per second")
    print(f"ratio: {ours / theirs:.0f} x")


if __name__ == "__main__":
    main()
