"""A step is done when its condition holds; what is not known does not hold."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from burnline.runbooks.conditions import Facts, When, hindrance

FACTS = Facts(
    values={"xid": 79, "mode": "fast", "on": True},
    hooks={"release", "shed"},
    probes={"logs"},
    results={"diagnose": {"bad_share": 0.2, "version": "7", "changed": True, "nothing": None, "count": 1}},
)


def why(**when: Any) -> str:
    return hindrance(When.model_validate(when), FACTS)


def test_no_condition_holds() -> None:
    assert hindrance(None, FACTS) == ""
    assert why() == ""


@pytest.mark.parametrize(
    "when",
    [
        {"params": {"xid": 79}},
        {"params": {"xid": [48, 79], "mode": "fast"}},
        {"hook": "shed"},
        {"probe": "logs"},
        {"found": [{"step": "diagnose", "value": "bad_share", "above": 0.1, "below": 0.3}]},
        {"found": [{"step": "diagnose", "value": "version", "equals": "7"}]},
        {"unless": {"hook": "scale"}},
    ],
)
def test_what_is_given_holds(when: dict[str, Any]) -> None:
    assert why(**when) == ""


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"params": {"xid": [48, 63]}}, "xid is 79, not 48 or 63"),
        ({"params": {"node": "a"}}, "there is no parameter node"),
        ({"hook": "scale"}, "the service has no hook scale"),
        ({"probe": "traces"}, "the service has no probe traces"),
        (
            {"found": [{"step": "diagnose", "value": "bad_share", "above": 0.2}]},
            "diagnose.bad_share is 0.2, not above 0.2",
        ),
        (
            {"found": [{"step": "diagnose", "value": "bad_share", "below": 0.2}]},
            "diagnose.bad_share is 0.2, not below 0.2",
        ),
        ({"found": [{"step": "diagnose", "value": "version", "equals": "8"}]}, "diagnose.version is '7', not 8"),
        (
            {"found": [{"step": "diagnose", "value": "version", "above": 1}]},
            "diagnose.version is '7', which is no number",
        ),
        ({"unless": {"hook": "shed"}}, "the case it leaves out is given"),
    ],
)
def test_what_is_not_given_is_named(when: dict[str, Any], said: str) -> None:
    assert why(**when) == said


@pytest.mark.parametrize(("step", "value"), [("diagnose", "nothing"), ("diagnose", "unheard"), ("other", "bad_share")])
def test_what_nobody_knows_does_not_hold(step: str, value: str) -> None:
    bound = {"step": step, "value": value, "below": 1.0}

    assert why(found=[bound]) == f"nothing is known of {step}.{value}"


def test_what_nobody_knows_leaves_nothing_out() -> None:
    unknown = {"found": [{"step": "other", "value": "bad_share", "above": 0.1}]}

    assert why(unless=unknown) == ""


def test_true_is_not_one() -> None:
    assert why(params={"on": 1}) != ""
    assert why(found=[{"step": "diagnose", "value": "count", "equals": True}]) != ""
    assert why(found=[{"step": "diagnose", "value": "changed", "equals": True}]) == ""


@pytest.mark.parametrize(
    "when",
    [
        {"eval": "1 + 1"},
        {"found": [{"step": "diagnose", "value": "bad_share"}]},
        {"found": [{"step": "diagnose", "value": "__class__", "equals": 1}]},
        {"params": {"xid": {"above": 1}}},
    ],
)
def test_a_condition_is_data_and_nothing_else(when: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        When.model_validate(when)
