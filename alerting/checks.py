"""What in the set-up of Alertmanager and Prometheus would lose alerts, or give one alert two identities.

A problem is a kind, one word to count and to alert on, and a sentence that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from burnline.alerting.firing import LOADER
from burnline.alerting.relabel import Relabelling

REPLICA_LABELS = ("prometheus_replica", "__replica__", "replica")  # Prometheus Operator, Thanos and Mimir, Cortex
SURELY_REPLICA = REPLICA_LABELS[:2]  # the third may be a label of the service itself

Problems = dict[str, str]


def check_alertmanager(config: str, receiver: str) -> Problems:
    """Problems of one Alertmanager's configuration as it gives it: with every default written out."""
    try:
        whole = yaml.load(config, LOADER)  # noqa: S506 - a safe loader, in C where there is one
    except (yaml.YAMLError, ValueError, LookupError, ArithmeticError, AttributeError):
        whole = None
    if not isinstance(whole, dict):
        return {"config_unreadable": "its configuration cannot be read, so it could not be checked"}
    ours = [each for each in _dicts(whole.get("receivers")) if each.get("name") == receiver]
    hooks = [hook for each in ours for hook in _dicts(each.get("webhook_configs"))]
    if not hooks:
        advice = "generate it with `burnline build`, or name the receiver in BURNLINE_ALERTMANAGER_RECEIVER"
        return {"receiver_missing": f"it has no receiver called {receiver} with a webhook: {advice}"}
    return dict(_of_hooks(whole, receiver, hooks))


def _of_hooks(whole: Mapping[str, Any], receiver: str, hooks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    everywhere = _dict(_dict(whole.get("global")).get("http_config"))
    for hook in hooks:
        if hook.get("max_alerts"):
            yield "max_alerts", f"its receiver {receiver} cuts alerts off: set max_alerts: 0"
        if {**everywhere, **_dict(hook.get("http_config"))}.get("follow_redirects", True):
            advice = "set http_config: {follow_redirects: false}"
            yield "follow_redirects", f"its receiver {receiver} follows redirects, which loses alerts: {advice}"
        if hook.get("send_resolved") is False:
            yield "send_resolved", f"its receiver {receiver} is not told of ends: set send_resolved: true"


def check_relabelling(sent: Relabelling) -> Problems:
    """A label that differs between two Prometheus of a pair must not reach Alertmanager."""
    left = sent.sent({"alertname": "x"}) or {}
    kept = [name for name in REPLICA_LABELS if name in sent.external and name in left]
    return {"replica_label": _replica(kept)} if kept else {}


def check_labels(alerts: Iterable[Mapping[str, str]]) -> Problems:
    """The same, seen on the alerts that arrived."""
    kept = sorted({name for labels in alerts for name in SURELY_REPLICA if name in labels})
    return {"replica_label": _replica(kept)} if kept else {}


def _replica(names: Iterable[str]) -> str:
    dropped = "|".join(names)
    return (
        f"alerts carry the replica's own label {dropped}, so each of a pair's alerts is two: "
        f"set alert_relabel_configs: [{{action: labeldrop, regex: {dropped}}}] in Prometheus"
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
