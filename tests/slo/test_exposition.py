"""Statuses as Prometheus metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from burnline.events import Burn, Counts, SloState, SloStatus
from burnline.slo.exposition import families


def status(now: datetime, *, known: bool) -> SloStatus:
    burn = Burn(
        "page-fast",
        "page",
        14.4,
        timedelta(hours=1),
        timedelta(minutes=5),
        2.5 if known else None,
        None,
        False,
        long_sli=0.96 if known else None,
    )
    return SloStatus(
        service="shop",
        slo="availability",
        at=now,
        state=SloState.OK if known else SloState.UNKNOWN,
        objective=0.999,
        window=timedelta(days=30),
        sli=0.9975 if known else None,
        counts=Counts(25, 10_000) if known else Counts(0, 0),
        budget_remaining=-0.25 if known else None,
        exhausted_in=timedelta(0) if known else None,
        burns=(burn,),
        cause="" if known else "no sample",
    )


def page(*statuses: SloStatus) -> str:
    class Source(Collector):
        def collect(self):  # type: ignore[no-untyped-def]  # the library's own signature is untyped
            yield from families(statuses)

    registry = CollectorRegistry()
    registry.register(Source())
    return generate_latest(registry).decode()


def test_a_known_slo_has_every_number(now: datetime) -> None:
    text = page(status(now, known=True))

    pair = 'service="shop",slo="availability"'
    assert f"burnline_slo_objective_ratio{{{pair}}} 0.999" in text
    assert f'burnline_slo_sli_ratio{{{pair},window="30d"}} 0.9975' in text
    assert f'burnline_slo_sli_ratio{{{pair},window="1h"}} 0.96' in text
    assert f"burnline_slo_excluded{{{pair}}} 0.0" in text
    assert f"burnline_slo_error_budget_remaining_ratio{{{pair}}} -0.25" in text
    assert f"burnline_slo_budget_exhaustion_seconds{{{pair}}} 0.0" in text
    assert f'burnline_slo_burn_rate{{{pair},window="1h"}} 2.5' in text
    assert f'burnline_slo_state{{{pair},state="ok"}} 1.0' in text
    assert f'burnline_slo_state{{{pair},state="unknown"}} 0.0' in text


def test_what_is_not_known_has_no_sample(now: datetime) -> None:
    text = page(status(now, known=False))

    assert "burnline_slo_sli_ratio{" not in text
    assert "burnline_slo_burn_rate{" not in text
    assert "burnline_slo_budget_exhaustion_seconds{" not in text
    assert "NaN" not in text
    assert 'state="unknown"} 1.0' in text
    assert 'state="ok"} 0.0' in text


def test_a_calendar_period_is_labelled_by_its_kind_and_maintenance_is_one(now: datetime) -> None:
    month = replace(
        status(now, known=True), period="month (Europe/Berlin)", excluded="excluded until 05:00:00 UTC: database move"
    )

    text = page(month)

    assert 'burnline_slo_sli_ratio{service="shop",slo="availability",window="month"} 0.9975' in text
    assert 'burnline_slo_excluded{service="shop",slo="availability"} 1.0' in text
