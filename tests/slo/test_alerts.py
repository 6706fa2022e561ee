"""What a burn-rate alert says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from burnline.slo.alerts import burn_annotations, burn_labels, no_data_hold
from burnline.slo.windows import tiers
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import SignalsSpec
from burnline.spec.slo import SloSpec

SPEC = ServiceSpec.model_validate(
    {
        "apiVersion": "burnline/v1",
        "service": "card-fraud",
        "owner": "payments-ml",
        "slos": [
            {
                "name": "availability",
                "objective": "99.9%",
                "window": "30d",
                "sli": {"ratio": {"bad": 'http_requests_total{status=~"5.."}', "total": "http_requests_total"}},
            }
        ],
    }
)
PAGE = tiers(timedelta(days=30), 0.999)[0]


def test_labels_name_the_service_the_slo_the_tier_and_the_owner() -> None:
    assert burn_labels(SPEC, "availability", PAGE) == {
        "alertname": "ErrorBudgetBurn",
        "service": "card-fraud",
        "slo": "availability",
        "severity": "page",
        "tier": "page-fast",
        "owner": "payments-ml",
    }


def test_annotations_say_how_fast_the_budget_goes() -> None:
    assert burn_annotations(SPEC, "availability", PAGE) == {
        "summary": "card-fraud availability spends its error budget over 14.4 times too fast",
        "description": "Over 1h, and still over the last 5m, more than 1.440% of the events were bad; the objective is "
        "99.9% over 30d. At this rate the whole budget lasts less than 2d2h.",
    }


def test_an_unknown_slo_is_an_error() -> None:
    with pytest.raises(KeyError, match="speed"):
        burn_annotations(SPEC, "speed", PAGE)


@pytest.mark.parametrize(
    ("objective", "minutes"),
    [
        (0.9999, 2),  # an outage pages within 6 s: still two evaluations without data
        (0.999, 2),  # 51.84 s
        (0.99, 9),  # 8 min 38.4 s
        (0.95, 30),  # 43 min 12 s: nobody should wait that long
    ],
)
def test_silence_is_told_after_as_long_as_an_outage_takes_to_page(objective: float, minutes: int) -> None:
    slo = SPEC.slos[0].model_copy(update={"objective": objective})

    assert no_data_hold(SPEC, slo) == timedelta(minutes=minutes)


def test_the_slo_of_a_signal_waits_two_windows_of_it_more() -> None:
    spec = SPEC.model_copy(update={"signals": SignalsSpec.model_validate({"drift": {"window": "10m"}})})
    slo = SloSpec.model_validate({"name": "q", "objective": "99%", "window": "30d", "sli": {"signal": "drift"}})

    assert no_data_hold(spec, slo) == timedelta(minutes=29)
