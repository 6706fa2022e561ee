"""The labels under which Prometheus sends an alert."""

from __future__ import annotations

from typing import Any

import pytest

from burnline.alerting.relabel import relabelling
from burnline.errors import SourceError

LABELS = {"alertname": "Burn", "service": "shop", "path": "/a/b"}


def sent(*rules: dict[str, Any], external: dict[str, Any] | None = None, **labels: str) -> dict[str, str] | None:
    config = {"global": {"external_labels": external or {}}, "alerting": {"alert_relabel_configs": list(rules)}}
    return relabelling(config).sent({**LABELS, **labels})


def test_without_configuration_labels_are_sent_as_they_are() -> None:
    assert relabelling(None).sent(LABELS) == relabelling({}).sent(LABELS) == LABELS


def test_an_external_label_is_added_and_never_wins() -> None:
    assert sent(external={"cluster": "eu", "service": "x", "shard": 3}) == {**LABELS, "cluster": "eu", "shard": "3"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"action": "labeldrop", "regex": "pa.*"}, {"alertname": "Burn", "service": "shop"}),
        ({"action": "labelkeep", "regex": "alertname|service"}, {"alertname": "Burn", "service": "shop"}),
        (
            {"source_labels": ["service"], "target_label": "team", "replacement": "x-$1-$$"},
            {**LABELS, "team": "x-shop-$"},
        ),
        (
            {"source_labels": ["alertname", "service"], "separator": "/", "target_label": "team"},
            {**LABELS, "team": "Burn/shop"},
        ),
        (
            {"source_labels": ["service"], "regex": "(?P<a>s)(.*)", "target_label": "${a}", "replacement": "$2"},
            {**LABELS, "s": "hop"},
        ),
        ({"source_labels": ["service"], "regex": "no", "target_label": "team"}, LABELS),
        ({"source_labels": ["nothing"], "target_label": "path"}, {"alertname": "Burn", "service": "shop"}),
        ({"action": "labelmap", "regex": "(serv)ice", "replacement": "${1}_x"}, {**LABELS, "serv_x": "shop"}),
        ({"action": "keep", "source_labels": ["service"], "regex": "sh.p"}, LABELS),
        ({"action": "keep", "source_labels": ["service"], "regex": "sh"}, None),
        ({"action": "drop", "source_labels": ["service"], "regex": "shop"}, None),
        ({"action": "dropequal", "source_labels": ["service"], "target_label": "service"}, None),
        ({"action": "keepequal", "source_labels": ["service"], "target_label": "path"}, None),
        (
            {"action": "Uppercase", "source_labels": ["service"], "target_label": "service"},
            {**LABELS, "service": "SHOP"},
        ),
        (
            {"action": "lowercase", "source_labels": ["alertname"], "target_label": "alertname"},
            {**LABELS, "alertname": "burn"},
        ),
        (
            {"action": "hashmod", "source_labels": ["service"], "target_label": "shard", "modulus": 1},
            {**LABELS, "shard": "0"},
        ),
    ],
)
def test_every_action_is_followed(rule: dict[str, Any], expected: dict[str, str] | None) -> None:
    assert sent(rule) == expected


@pytest.mark.parametrize(
    "config",
    [
        {"alerting": {"alert_relabel_configs": [{"action": "guess"}]}},
        {"alerting": {"alert_relabel_configs": [{"regex": "("}]}},
        {"alerting": {"alert_relabel_configs": ["labeldrop"]}},
        {"alerting": {"alertmanagers": [{"alert_relabel_configs": [{"action": "labeldrop", "regex": "x"}]}]}},
    ],
)
def test_what_cannot_be_followed_is_an_error(config: Any) -> None:
    with pytest.raises(SourceError):
        relabelling(config)
