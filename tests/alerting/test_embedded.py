"""The embedded engine's alerts, on the same road as Alertmanager's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from burnline.alerting import embedded
from burnline.alerting.embedded import EmbeddedDispatch
from burnline.alerting.inbox import AlertWorker, accept_webhook
from burnline.alerting.matchers import parse_matcher
from burnline.alerting.silences import Silence, set_silence
from burnline.alerting.webhook import ALERTMANAGER, fingerprint, parse_webhook, render_webhook
from burnline.events import AlertEvent, Burn, Counts, Finding, SloState, SloStatus, Verdict
from burnline.slo.alerts import burn_annotations, burn_labels
from burnline.slo.windows import tiers
from burnline.store import incidents
from burnline.store.alerts import active_alerts
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, waiting
from burnline.store.signals import record_finding
from tests.alerting.card_fraud import Nothing, episodes, service

MINUTE = timedelta(minutes=1)
WINDOW = timedelta(days=30)
OBJECTIVE = 0.999


SPEC = service()
TIERS = {tier.name: tier for tier in tiers(WINDOW, OBJECTIVE)}


def status(at: datetime, *firing: str, rate: float | None = 0.0, state: SloState = SloState.OK) -> SloStatus:
    """The one SLO, with these tiers firing and this burn rate in the windows of the others."""
    burns = tuple(
        Burn(
            tier=tier.name,
            severity=tier.severity,
            factor=tier.factor,
            long_window=tier.long,
            short_window=tier.short,
            long_rate=tier.factor * 2 if tier.name in firing else rate,
            short_rate=tier.factor * 2 if tier.name in firing else rate,
            firing=tier.name in firing,
        )
        for tier in TIERS.values()
    )
    return SloStatus(
        service="card-fraud",
        slo="availability",
        at=at,
        state=state,
        objective=OBJECTIVE,
        window=WINDOW,
        sli=1.0,
        counts=Counts(0, 1000),
        budget_remaining=1.0,
        exhausted_in=None,
        burns=burns,
        cause="nothing was scraped" if state is SloState.UNKNOWN else "",
    )


def silent(at: datetime) -> SloStatus:
    """The SLO without any data."""
    return status(at, rate=None, state=SloState.UNKNOWN)


def finding(at: datetime, verdict: Verdict) -> Finding:
    score = None if verdict is Verdict.NO_DATA else 0.4
    return Finding("card-fraud", "drift", at - MINUTE, at, verdict, score, Counts(1, 10), "amount moved")


@pytest.fixture
def dispatch(database: Database) -> EmbeddedDispatch:
    return EmbeddedDispatch(database, [SPEC])


def sent(db: Database) -> list[AlertEvent]:
    """Everything delivered so far."""
    with db.read() as tx:
        rows = waiting(tx, ALERTS, 1000)
        return [event for row in rows for event in parse_webhook(row.body, row.source, row.received_at).alerts]


def heard(db: Database) -> list[tuple[str, str]]:
    """What was delivered, in short: tier (or alert name) and status."""
    return [(event.labels.get("tier") or event.labels["alertname"], event.status) for event in sent(db)]


def test_a_healthy_slo_sends_nothing(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    assert dispatch.run_once(now, [status(now)]) == 0

    assert sent(database) == []


def test_a_firing_burn_is_sent_at_once_as_alertmanager_would(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    assert dispatch.run_once(now, [status(now, "page-fast")]) == 1

    labels = burn_labels(SPEC, "availability", TIERS["page-fast"])
    assert sent(database) == [
        AlertEvent(
            source="embedded",
            fingerprint=fingerprint(labels),
            status="firing",
            labels=labels,
            annotations=burn_annotations(SPEC, "availability", TIERS["page-fast"]),
            starts_at=now,
            ends_at=None,
        )
    ]


def test_running_twice_sends_nothing_more(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])

    assert dispatch.run_once(now, [status(now, "page-fast")]) == 0


def test_what_still_fires_is_repeated_every_four_hours(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    for hours in range(9):
        dispatch.run_once(now + timedelta(hours=hours), [status(now, "page-fast")])

    assert heard(database) == [("page-fast", "firing")] * 3
    assert {event.starts_at for event in sent(database)} == {now}


def test_the_end_is_sent_once(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])
    for minutes in (1, 2, 3):
        dispatch.run_once(now + minutes * MINUTE, [status(now)])

    assert heard(database) == [("page-fast", "firing"), ("page-fast", "resolved")]
    assert (sent(database)[1].starts_at, sent(database)[1].ends_at) == (now, now + MINUTE)


def test_a_page_keeps_the_tickets_of_its_slo_quiet(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast", "ticket-fast", "ticket-slow")])

    assert heard(database) == [("page-fast", "firing")]


def test_a_ticket_is_sent_when_the_page_ends_and_it_still_fires(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast", "ticket-fast")])
    dispatch.run_once(now + MINUTE, [status(now, "ticket-fast")])

    assert heard(database) == [("page-fast", "firing"), ("page-fast", "resolved"), ("ticket-fast", "firing")]


def test_a_ticket_nobody_heard_of_ends_without_a_word(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast", "ticket-fast")])
    dispatch.run_once(now + MINUTE, [status(now, "page-fast")])

    assert heard(database) == [("page-fast", "firing")]


def test_a_ticket_sent_before_the_page_is_resolved_even_while_the_page_fires(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "ticket-fast")])
    dispatch.run_once(now + MINUTE, [status(now, "page-fast", "ticket-fast")])
    dispatch.run_once(now + 2 * MINUTE, [status(now, "page-fast")])

    assert heard(database) == [("ticket-fast", "firing"), ("page-fast", "firing"), ("ticket-fast", "resolved")]


# No data


def test_no_data_never_ends_a_burn_alert(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])
    for minutes in range(1, 10):
        dispatch.run_once(now + minutes * MINUTE, [silent(now)])

    assert heard(database) == [("page-fast", "firing"), ("SloNoData", "firing")]


def test_too_few_events_to_judge_do_not_end_a_burn_alert(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    """Under `min_events` no tier fires, though the rates are as bad as before."""
    dispatch.run_once(now, [status(now, "page-fast")])
    dispatch.run_once(now + MINUTE, [status(now, rate=100.0)])

    assert heard(database) == [("page-fast", "firing")]


def test_one_window_with_good_data_ends_a_burn_alert(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])
    better = status(now)
    burns = tuple(replace(burn, long_rate=burn.factor * 2, short_rate=0.0) for burn in better.burns)
    dispatch.run_once(now + MINUTE, [replace(better, burns=burns)])

    assert heard(database)[-1] == ("page-fast", "resolved")


def test_an_engine_that_says_nothing_changes_nothing(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])
    dispatch.run_once(now + MINUTE, [])

    assert heard(database) == [("page-fast", "firing")]


def test_silence_longer_than_an_outage_takes_to_page_is_a_ticket(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    for minutes in range(2):
        dispatch.run_once(now + minutes * MINUTE, [silent(now)])
    assert sent(database) == []

    dispatch.run_once(now + 2 * MINUTE, [silent(now)])

    (event,) = sent(database)
    assert event.labels == {
        "alertname": "SloNoData",
        "service": "card-fraud",
        "slo": "availability",
        "severity": "ticket",
        "owner": "payments-ml",
    }
    assert event.annotations["description"] == "nothing was scraped"
    assert event.starts_at == now + 2 * MINUTE


def test_a_short_silence_is_forgotten(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    for minutes in range(20):
        dispatch.run_once(now + minutes * MINUTE, [status(now) if minutes % 2 else silent(now)])

    assert sent(database) == []


def test_data_ends_the_no_data_alert(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    for minutes in range(6):
        dispatch.run_once(now + minutes * MINUTE, [silent(now)])
    dispatch.run_once(now + 6 * MINUTE, [status(now)])

    assert heard(database) == [("SloNoData", "firing"), ("SloNoData", "resolved")]


def test_a_page_does_not_hide_that_data_is_missing(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])
    for minutes in range(1, 7):
        dispatch.run_once(now + minutes * MINUTE, [silent(now)])

    assert heard(database) == [("page-fast", "firing"), ("SloNoData", "firing")]


# Signals


def test_a_signal_in_alarm_is_a_ticket_with_the_detectors_reason(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    database.write(lambda tx: record_finding(tx, finding(now, Verdict.ALARM)))

    dispatch.run_once(now, [])

    (event,) = sent(database)
    assert event.labels == {
        "alertname": "SignalAlarm",
        "service": "card-fraud",
        "signal": "drift",
        "severity": "ticket",
        "owner": "payments-ml",
    }
    assert event.annotations["description"] == "amount moved"


@pytest.mark.parametrize(("verdict", "told"), [(Verdict.OK, 2), (Verdict.NO_DATA, 1)])
def test_only_a_good_finding_ends_an_alarm(
    database: Database, dispatch: EmbeddedDispatch, now: datetime, verdict: Verdict, told: int
) -> None:
    for minutes, each in enumerate((Verdict.ALARM, verdict)):
        at = now + minutes * MINUTE
        database.write(partial(record_finding, finding=finding(at, each)))
        dispatch.run_once(at, [])

    assert len(sent(database)) == told


def test_a_finding_of_a_service_nobody_described_is_no_alert(database: Database, now: datetime) -> None:
    database.write(lambda tx: record_finding(tx, finding(now, Verdict.ALARM)))

    assert EmbeddedDispatch(database, [service(signals={})]).run_once(now, []) == 0


# Restarts, edits, crashes


def test_a_restart_sends_nothing_again_and_ends_what_was_firing(database: Database, now: datetime) -> None:
    EmbeddedDispatch(database, [SPEC]).run_once(now, [status(now, "page-fast")])

    EmbeddedDispatch(database, [SPEC]).run_once(now + MINUTE, [status(now, "page-fast")])
    EmbeddedDispatch(database, [SPEC]).run_once(now + 2 * MINUTE, [status(now)])

    assert heard(database) == [("page-fast", "firing"), ("page-fast", "resolved")]


def test_a_new_owner_does_not_change_the_identity_of_what_is_firing(database: Database, now: datetime) -> None:
    EmbeddedDispatch(database, [SPEC]).run_once(now, [status(now, "page-fast")])

    EmbeddedDispatch(database, [service(owner="risk-ml")]).run_once(now + MINUTE, [status(now)])

    firing, resolved = sent(database)
    assert resolved.status == "resolved"
    assert resolved.fingerprint == firing.fingerprint


def test_an_slo_taken_out_of_the_spec_is_over(database: Database, now: datetime) -> None:
    EmbeddedDispatch(database, [SPEC]).run_once(now, [status(now, "page-fast")])

    EmbeddedDispatch(database, [service(slos=[])]).run_once(now + MINUTE, [])

    assert heard(database) == [("page-fast", "firing"), ("page-fast", "resolved")]
    with database.read() as tx:
        assert active_alerts(tx) == []


def test_a_crash_between_deciding_and_sending_leaves_neither(
    database: Database, dispatch: EmbeddedDispatch, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object, **_kwargs: object) -> int:
        raise RuntimeError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(embedded, "accept", crash)
        with pytest.raises(RuntimeError, match="the power went"):
            dispatch.run_once(now, [status(now, "page-fast")])
    with database.read() as tx:
        assert active_alerts(tx) == []

    dispatch.run_once(now, [status(now, "page-fast")])

    assert heard(database) == [("page-fast", "firing")]


def test_the_worker_takes_it_from_there(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    worker = AlertWorker(database, [SPEC], Nothing())
    dispatch.run_once(now, [status(now, "page-fast")])
    worker.run_once(now)
    dispatch.run_once(now + MINUTE, [status(now)])
    worker.run_once(now + MINUTE)

    with database.read() as tx:
        (incident,) = incidents.list_incidents(tx)
    (episode,) = episodes(database)
    assert (incident.service, incident.state) == ("card-fraud", "closed")
    assert (episode.source, episode.ended_at) == ("embedded", now + MINUTE)


# Maintenance


def test_maintenance_is_no_missing_data_and_neither_is_the_moment_after_it(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    excluded = replace(silent(now), excluded="excluded until 12:10:00 UTC: database move")
    for minutes in range(11):
        dispatch.run_once(now + minutes * MINUTE, [excluded])

    dispatch.run_once(now + 11 * MINUTE, [silent(now)])
    assert heard(database) == []
    dispatch.run_once(now + 13 * MINUTE, [silent(now)])

    assert heard(database) == [("SloNoData", "firing")]


def test_a_page_goes_on_through_maintenance(database: Database, dispatch: EmbeddedDispatch, now: datetime) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])
    dispatch.run_once(now + MINUTE, [replace(silent(now), excluded="excluded until 12:10:00 UTC: database move")])

    assert heard(database) == [("page-fast", "firing")]


def test_a_page_of_a_service_that_is_idle_ends_once_its_window_is_empty(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])

    dispatch.run_once(now + MINUTE, [status(now + MINUTE, rate=None)])

    assert heard(database) == [("page-fast", "firing"), ("page-fast", "resolved")]


# Silences and outages


def silence(database: Database, now: datetime, matcher: str, lasts: timedelta) -> None:
    wanted = Silence("", (parse_matcher(matcher),), now, now + lasts, now, "ines", "database move")
    database.write(partial(set_silence, wanted=wanted, now=now))


def test_a_silence_keeps_an_alert_from_the_inbox_until_it_ends(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    silence(database, now, "slo=~avail.*", 10 * MINUTE)
    for minutes in range(10):
        dispatch.run_once(now + minutes * MINUTE, [status(now, "page-fast")])
    assert heard(database) == []

    dispatch.run_once(now + 10 * MINUTE, [status(now, "page-fast")])

    assert heard(database) == [("page-fast", "firing")]
    assert sent(database)[0].starts_at == now


def test_the_end_of_what_was_delivered_is_delivered_in_spite_of_a_silence(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    dispatch.run_once(now, [status(now, "page-fast")])
    silence(database, now + MINUTE, "alertname=ErrorBudgetBurn", 10 * MINUTE)
    dispatch.run_once(now + 2 * MINUTE, [status(now)])

    assert heard(database) == [("page-fast", "firing"), ("page-fast", "resolved")]


@pytest.mark.parametrize(("runbooks", "told"), [([], 0), ([{"on": {"slo": "availability"}, "run": "bad-release"}], 1)])
def test_an_outage_that_somebody_else_reports_holds_back_what_starts_no_runbook(
    database: Database, now: datetime, runbooks: list[dict[str, object]], told: int
) -> None:
    spec = service(runbooks=runbooks)
    down = AlertEvent(
        source=ALERTMANAGER,
        fingerprint="0123456789abcdef",
        status="firing",
        labels={"alertname": "ServiceDown", "service": "card-fraud"},
        annotations={},
        starts_at=now,
        ends_at=None,
    )
    body = render_webhook(down, receiver="burnline")
    accept_webhook(database, body, source=ALERTMANAGER, now=now, limit_bytes=1 << 20)
    AlertWorker(database, [spec], Nothing()).run_once(now)

    assert EmbeddedDispatch(database, [spec]).run_once(now, [status(now, "page-fast")]) == told


def test_what_is_said_of_an_alert_is_kept_with_it(
    database: Database, dispatch: EmbeddedDispatch, now: datetime
) -> None:
    database.write(lambda tx: record_finding(tx, finding(now, Verdict.ALARM)))
    dispatch.run_once(now, [])

    with database.read() as tx:
        (alert,) = active_alerts(tx)
    assert alert.annotations["description"] == "amount moved"
