"""What the sections of `signals` have in common: windows, events, and over which score there is an alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from burnline.spec.signals import SignalsSpec


def signals(**written: Any) -> SignalsSpec:
    return SignalsSpec.model_validate(written)


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ({"drift": {"threshold": "10%"}}, 0.1),
        ({"drift": {"engine": "evidently"}}, 0.05),
        ({"volume": {}}, 0.3),
        ({"data": {}}, 0.0),
        ({"outliers": {"threshold": "10%"}}, 0.0),
        ({"refusal": {"threshold": "10%"}}, 0.0),
        ({"custom": {"nights": {"engine": "nights", "threshold": "10%"}}}, None),
    ],
)
def test_a_signal_is_in_alarm_over_its_limit(written: dict[str, Any], limit: float | None) -> None:
    found = signals(**written)

    (name,) = found.sections()

    assert found.limit(name) == limit


def test_a_signal_that_nobody_asks_for_has_no_limit() -> None:
    assert signals(drift={}).limit("volume") is None


@pytest.mark.parametrize(
    ("written", "anew"),
    [
        ({"drift": {}}, True),
        ({"prediction": {}}, True),
        ({"training_skew": {"reference": "t.json"}}, True),
        ({"calibration": {}}, True),
        ({"drift": {"engine": "alibi"}}, False),
        ({"data": {}}, False),
        ({"custom": {"nights": {"engine": "nights"}}}, False),
    ],
)
def test_what_a_library_finds_is_counted_once_and_shares_of_windows_anew(written: dict[str, Any], anew: bool) -> None:
    (section,) = signals(**written).sections().values()

    assert section.anew is anew


def test_every_section_takes_a_window_and_how_many_events_it_needs() -> None:
    names = [name for name in SignalsSpec.model_fields if name != "custom"]

    found = signals(**{name: {"window": "20m", "min_events": 7} for name in names}).sections()

    assert {(section.window, section.min_events) for section in found.values()} == {(timedelta(minutes=20), 7)}
