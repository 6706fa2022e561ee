"""The labels under which a Prometheus sends an alert: its own `external_labels` added, `alert_relabel_configs` applied.

The series ALERTS has neither, and Alertmanager's fingerprint both. Actions and defaults: prometheus/model/relabel
(2.42 to 3.5).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from burnline.errors import SourceError

Labels = Mapping[str, str]
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """One relabelling rule; `regex` must match all of the value."""

    action: str
    source: tuple[str, ...]
    separator: str
    regex: Any
    modulus: int
    target: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Relabelling:
    """How one Prometheus changes an alert's labels on the way out."""

    external: Labels = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def sent(self, labels: Labels) -> dict[str, str] | None:
        """The labels as they are sent; None for an alert that is not."""
        now: dict[str, str] | None = {**self.external, **labels}
        for rule in self.rules:
            if now is None:
                return None
            now = ACTIONS[rule.action](rule, now)
        return None if now is None else {name: value for name, value in now.items() if value}


def relabelling(config: Any) -> Relabelling:
    """Of a Prometheus configuration, decoded.

    Raises: SourceError for one that cannot be followed: the alerts' identities would be wrong.
    """
    whole = config if isinstance(config, dict) else {}
    alerting = whole.get("alerting") or {}
    if any(each.get("alert_relabel_configs") for each in alerting.get("alertmanagers") or ()):
        raise SourceError("alert_relabel_configs of single Alertmanagers give one alert several identities")
    import re2

    external = (whole.get("global") or {}).get("external_labels") or {}
    try:
        rules = tuple(_rule(each) for each in alerting.get("alert_relabel_configs") or ())
    except (TypeError, ValueError, AttributeError, re2.error) as error:
        raise SourceError(f"alert_relabel_configs cannot be followed: {error}") from error
    return Relabelling({str(name): str(value) for name, value in external.items()}, rules)


def _rule(told: Mapping[str, Any]) -> Rule:
    import re2

    action = str(told.get("action", "replace")).lower()
    if action not in ACTIONS:
        raise ValueError(f"the action {action!r} is not known")
    return Rule(
        action,
        tuple(map(str, told.get("source_labels") or ())),
        str(told.get("separator", ";")),
        re2.compile(str(told.get("regex", "(.*)"))),
        int(told.get("modulus", 0)),
        str(told.get("target_label", "")),
        str(told.get("replacement", "$1")),
    )


def _value(rule: Rule, labels: Labels) -> str:
    return rule.separator.join(labels.get(name, "") for name in rule.source)


def _replace(rule: Rule, labels: dict[str, str]) -> dict[str, str]:
    match = rule.regex.fullmatch(_value(rule, labels))
    return labels if match is None else {**labels, _expand(rule.target, match): _expand(rule.replacement, match)}


def _hashmod(rule: Rule, labels: dict[str, str]) -> dict[str, str]:
    digest = hashlib.md5(_value(rule, labels).encode(), usedforsecurity=False).digest()
    return {**labels, rule.target: str(int.from_bytes(digest[8:], "big") % rule.modulus)}


def _labelmap(rule: Rule, labels: dict[str, str]) -> dict[str, str]:
    renamed = {
        _expand(rule.replacement, match): value
        for name, value in labels.items()
        if (match := rule.regex.fullmatch(name)) is not None
    }
    return {**labels, **renamed}


def _only(labels: dict[str, str], keep: Callable[[str], bool]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if keep(name)}


def _expand(template: str, match: Any) -> str:
    """Go's regexp.Expand: $1, ${1}, $name; a group that is not there is empty."""

    def group(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return _REFERENCE.sub(group, template)


ACTIONS: Mapping[str, Callable[[Rule, dict[str, str]], dict[str, str] | None]] = {
    "replace": _replace,
    "keep": lambda rule, labels: labels if rule.regex.fullmatch(_value(rule, labels)) else None,
    "drop": lambda rule, labels: None if rule.regex.fullmatch(_value(rule, labels)) else labels,
    "keepequal": lambda rule, labels: labels if _value(rule, labels) == labels.get(rule.target, "") else None,
    "dropequal": lambda rule, labels: None if _value(rule, labels) == labels.get(rule.target, "") else labels,
    "hashmod": _hashmod,
    "labelmap": _labelmap,
    "labeldrop": lambda rule, labels: _only(labels, lambda name: not rule.regex.fullmatch(name)),
    "labelkeep": lambda rule, labels: _only(labels, lambda name: bool(rule.regex.fullmatch(name))),
    "lowercase": lambda rule, labels: {**labels, rule.target: _value(rule, labels).lower()},
    "uppercase": lambda rule, labels: {**labels, rule.target: _value(rule, labels).upper()},
}
