"""The inhibition rules as Alertmanager's configuration has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from burnline.alerting.inhibition import Rule, rules
from burnline.spec.service import ServiceSpec

NAME_SINCE = (0, 30)


def inhibit_rules(services: Sequence[ServiceSpec], known: tuple[int, ...]) -> list[dict[str, Any]]:
    """Every rule; `known` is the Alertmanager's version."""
    return [
        {"name": rule.name, **_written(rule)} if known >= NAME_SINCE else _written(rule) for rule in rules(services)
    ]


def _written(rule: Rule) -> dict[str, Any]:
    return {
        "source_matchers": [str(each) for each in rule.source],
        "target_matchers": [str(each) for each in rule.target],
        "equal": list(rule.equal),
    }
