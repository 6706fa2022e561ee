"""What a push would change: groups compared by what they mean, and never those of others."""

from __future__ import annotations

from typing import Any

import pytest

from burnline.slo.delivery.push import Kind, plan_groups


def group(name: str, expr: str = "up", **more: Any) -> dict[str, Any]:
    return {"name": name, "interval": "1m", "rules": [{"record": "a:b", "expr": expr}], **more}


def test_a_new_group_is_added_and_one_no_longer_wanted_removed() -> None:
    plan = plan_groups([group("burnline/new")], [group("burnline/old")])

    assert [(change.name, change.kind) for change in plan] == [
        ("burnline/new", Kind.ADD),
        ("burnline/old", Kind.REMOVE),
    ]


def test_a_changed_expression_shows_as_a_diff() -> None:
    (change,) = plan_groups([group("burnline/a", "up == 1")], [group("burnline/a", "up == 0")])

    assert change.kind is Kind.CHANGE
    assert '-- expr: "up == 0"' in change.diff
    assert '+- expr: "up == 1"' in change.diff


@pytest.mark.parametrize(
    "written",
    [
        {"interval": "60s"},
        {"limit": 0},
        {"source_tenants": []},
        {"query_offset": "0s"},
        {"rules": [{"expr": "up\n", "record": "a:b", "labels": {}}]},
    ],
)
def test_the_rulers_own_way_of_writing_is_no_difference(written: dict[str, Any]) -> None:
    (change,) = plan_groups([group("burnline/a")], [group("burnline/a", **written)])

    assert change.kind is Kind.SAME


@pytest.mark.parametrize("name", ["other", "burnline", "burnlines/a", "xburnline/a", "Burnline/a"])
def test_groups_of_others_are_never_touched(name: str) -> None:
    assert plan_groups([], [group(name)]) == ()


def test_hostile_text_stays_text() -> None:
    (change,) = plan_groups([group("burnline/a", "up\n# a: {b}\n--- !!python/object:x")], [])

    assert "+- expr: |-\n" in change.diff
    assert "+    --- !!python" in change.diff
