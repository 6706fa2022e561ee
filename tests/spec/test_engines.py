"""`engine`, `checks` and `custom` in a service file: what the shape alone can tell."""

from __future__ import annotations

import pytest

from tests.spec.conftest import Problems

CUSTOM = "signals: {custom: {%s: {engine: night-shift}}}\n"
PROMISED = "slos: [{name: q, objective: 99%%, window: 28d, sli: {signal: %s}}]\n"


def test_a_signal_of_ones_own_can_be_promised(problems: Problems) -> None:
    assert problems(CUSTOM % "nights" + PROMISED % "nights") == []
    assert "accepted: nights" in problems(CUSTOM % "nights" + PROMISED % "days")[0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (CUSTOM % "drift", "custom.drift has the name of a signal that burnline has; choose another"),
        ("signals: {custom: {nights: {}}}", "signals.custom.nights.engine: "),
        ("signals: {custom: {nights: {engine: x, window: 1ms}}}", "accepted: 1s to 7d"),
        ("signals: {drift: {engine: alibi, checks: [{KSDrift: {}, CVMDrift: {}}]}}", "needs one name"),
        ("signals: {drift: {engine: alibi, sample: 10}}", "signals.drift.sample: "),
    ],
)
def test_what_cannot_be_meant_is_told(problems: Problems, body: str, said: str) -> None:
    found = [problem for problem in problems(body) if "model.reference" not in problem]

    assert len(found) == 1
    assert said in found[0]
