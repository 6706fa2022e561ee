"""Compile 1,000 services of five SLOs each to Prometheus rules: seconds, and what comes out.

python benchmarks/compile.py [SERVICES]
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from burnline.slo.compiler.rules import compile_rules, render_rules
from burnline.spec.service import ServiceSpec

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SLOS = [
    {"name": "availability", "objective": "99.9%", "window": "30d",
     "sli": {"ratio": {"bad": 'requests_total{status=~"5.."}', "total": "requests_total"}}},
    {"name": "latency", "objective": "99%", "window": "30d",
     "sli": {"latency": {"histogram": "request_duration_seconds", "below": "250ms"}}},
    {"name": "month", "objective": "99.5%", "window": {"calendar": "month", "tz": "Europe/Berlin"},
     "sli": {"same_as": "availability"}},
    {"name": "queue", "objective": "99%", "window": "28d",
     "sli": {"threshold": {"gauge": "queue_depth", "above": 100}}},
    {"name": "whole", "objective": "99%", "window": "30d",
     "sli": {"composite": {"weighted": {"availability": 2, "latency": 1}}}},
]  # fmt: skip


def main() -> None:
    """Print what it took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    specs = [
        ServiceSpec.model_validate(
            {"apiVersion": "burnline/v1", "service": f"service-{number}", "owner": "team", "slos": SLOS}
        )
        for number in range(count)
    ]
    begun = time.perf_counter()
    groups = compile_rules(specs, now=NOW)["groups"]
    compiled = time.perf_counter()
    text = render_rules(specs, now=NOW)
    rendered = time.perf_counter()
    rules = sum(len(group["rules"]) for group in groups)
    print(
        f"{count} services, {count * len(SLOS)} SLOs: {rules} rules in {len(groups)} groups, {len(text) / 1e6:.0f} MB"
    )
    print(f"compiled in {compiled - begun:.1f} s; compiled and written in {rendered - compiled:.1f} s")


if __name__ == "__main__":
    main()
