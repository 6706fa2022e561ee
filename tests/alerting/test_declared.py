"""Alerts of budget policies, and of SLOs that depend on others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from burnline.alerting.declared import declare
from burnline.alerting.embedded import EmbeddedDispatch
from burnline.alerting.webhook import parse_webhook
from burnline.events import AlertEvent, Burn, Counts, SloState, SloStatus
from burnline.slo.windows import tiers
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, waiting

MONTH = timedelta(days=30)
TICK = timedelta(minutes=1)


def service(name: str, **more: Any) -> ServiceSpec:
    slo = {"name": "up", "objective": "99.9%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}}
    depends_on = more.pop("depends_on", [])
    body = {"apiVersion": "burnline/v1", "service": name, "owner": "team", "slos": [{**slo, "depends_on": depends_on}]}
    return ServiceSpec.model_validate({**body, **more})


def status(name: str, now: datetime, *firing: str, left: float | None = 1.0) -> SloStatus:
    burns = tuple(
        Burn(tier.name, tier.severity, tier.factor, tier.long, tier.short, rate, rate, tier.name in firing)
        for tier in tiers(MONTH, 0.999)
        for rate in [tier.factor * (2 if tier.name in firing else 0)]
    )
    state = SloState.OK if left is not None else SloState.UNKNOWN
    return SloStatus(name, "up", now, state, 0.999, MONTH, 1.0, Counts(0, 1000), left, None, burns)


def delivered(db: Database) -> list[AlertEvent]:
    with db.read() as tx:
        return [
            event
            for row in waiting(tx, ALERTS, 1000)
            for event in parse_webhook(row.body, row.source, row.received_at).alerts
        ]


def heard(db: Database) -> list[tuple[str, ...]]:
    names = ("service", "severity", "step")
    return [(*(e.labels[name] for name in names if name in e.labels), e.status) for e in delivered(db)]


BANK, SHOP = service("bank"), service("shop", depends_on=["bank/up"])
POLICY = service("shop", budget_policy=[{"left": "50%", "do": "notify"}, {"left": "25%", "do": "freeze_releases"}])


def turn(dispatch: EmbeddedDispatch, now: datetime, *statuses: SloStatus) -> None:
    found: Sequence[SloStatus] = statuses
    dispatch.run_once(now, found)


def test_a_ticket_is_silent_while_its_dependency_pages(database: Database, now: datetime) -> None:
    dispatch = EmbeddedDispatch(database, [BANK, SHOP])

    turn(dispatch, now, status("bank", now, "page-fast"), status("shop", now, "ticket-fast"))

    assert heard(database) == [("bank", "page", "firing")]


def test_a_ticket_is_heard_once_its_dependency_has_recovered(database: Database, now: datetime) -> None:
    dispatch = EmbeddedDispatch(database, [BANK, SHOP])
    turn(dispatch, now, status("bank", now, "page-fast"), status("shop", now, "ticket-fast"))

    turn(dispatch, now + TICK, status("bank", now + TICK), status("shop", now + TICK, "ticket-fast"))

    assert heard(database)[1:] == [("bank", "page", "resolved"), ("shop", "ticket", "firing")]


def test_the_page_of_a_dependent_is_heard_and_says_what_it_depends_on(database: Database, now: datetime) -> None:
    dispatch = EmbeddedDispatch(database, [BANK, SHOP])

    turn(dispatch, now, status("bank", now, "page-fast"), status("shop", now, "page-fast"))

    bank, shop = delivered(database)
    assert "dependency" not in bank.annotations
    assert shop.annotations["dependency"] == "bank/up pages too: look there first"
    assert "dependency" not in shop.labels


def test_each_step_of_a_policy_is_a_ticket_while_it_is_in_force(database: Database, now: datetime) -> None:
    dispatch = EmbeddedDispatch(database, [POLICY])

    turn(dispatch, now, status("shop", now, left=0.4))
    turn(dispatch, now + TICK, status("shop", now + TICK, left=0.2))
    turn(dispatch, now + 2 * TICK, status("shop", now + 2 * TICK, left=0.6))

    first, second, *ends = heard(database)
    assert first == ("shop", "ticket", "notify", "firing")
    assert second == ("shop", "ticket", "freeze_releases", "firing")
    assert set(ends) == {("shop", "ticket", step, "resolved") for step in ("notify", "freeze_releases")}
    assert delivered(database)[0].annotations["description"] == "up has 40.0% of its budget left"


def test_a_budget_that_became_unknown_has_not_recovered(database: Database, now: datetime) -> None:
    dispatch = EmbeddedDispatch(database, [POLICY])
    turn(dispatch, now, status("shop", now, left=0.4))

    turn(dispatch, now + TICK, status("shop", now + TICK, left=None))

    assert heard(database) == [("shop", "ticket", "notify", "firing")]


def test_an_alert_that_starts_a_runbook_links_to_its_page() -> None:
    spec = service("bank", runbooks=[{"on": {"slo": "up", "severity": "page"}, "run": "bad-release"}])

    links = {
        (alert.labels.get("slo"), alert.labels["severity"]): alert.annotations.get("runbook_url")
        for alert in declare(spec, "https://burnline.example.com")
        if alert.labels["alertname"] == "ErrorBudgetBurn"
    }

    assert links["up", "page"] == "https://burnline.example.com/runbooks/bad-release"
    assert links["up", "ticket"] is None
    assert all("runbook_url" not in alert.annotations for alert in declare(spec))
