"""People are told by Alertmanager's rules, and nothing is lost or said twice over a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from burnline.alerting.dispatch import PeopleDispatch
from burnline.alerting.matchers import parse_matcher
from burnline.alerting.silences import Silence, expire_silence, set_silence
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database, open_database
from burnline.store.groups import alert_groups
from tests.alerting.card_fraud import service
from tests.alerting.live import plain
from tests.alerting.people import Stage

MONDAY = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PAGE = plain("alertname=ErrorBudgetBurn service=card-fraud slo=availability severity=page tier=fast id=page")
SLOWER = {**PAGE, "tier": "slow", "id": "slower"}
LATENCY = {**PAGE, "slo": "latency", "id": "latency"}
TICKET = {**PAGE, "severity": "ticket", "id": "ticket"}
SIGNAL = plain("alertname=SignalAlarm service=card-fraud signal=drift severity=ticket id=drift")
DOWN = plain("alertname=ServiceDown service=card-fraud severity=page id=down")
ESCALATION: dict[str, Any] = {"page": ["slack:#oncall"], "ticket": ["slack:#tickets"]}
ONCALL, TICKETS = "slack:#oncall", "slack:#tickets"


def spec(**more: Any) -> ServiceSpec:
    return service(**{"escalation": ESCALATION, **more})


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database, [spec()], MONDAY)


def silence(stage: Stage, *matchers: str, lasts: timedelta = HOUR) -> str:
    wanted = Silence(
        "", tuple(map(parse_matcher, matchers)), stage.now, stage.now + lasts, stage.now, "test", "maintenance"
    )
    return stage.db.write(lambda tx: set_silence(tx, wanted, stage.now))


def groups(stage: Stage) -> Mapping[tuple[str, str], bytes]:
    with stage.db.read() as tx:
        return alert_groups(tx)


# Grouping and waiting


def test_a_new_group_waits_thirty_seconds_and_is_told_once(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.turn()

    assert stage.wait(29 * SECOND) == []
    assert stage.wait(SECOND) == [(ONCALL, (("page", "firing"),))]
    assert stage.wait(20 * MINUTE) == []


def test_alerts_of_one_slo_are_told_together_and_another_slo_by_itself(stage: Stage) -> None:
    for labels in (PAGE, SLOWER, LATENCY):
        stage.fire(labels)

    assert sorted(stage.wait(MINUTE)) == [
        (ONCALL, (("latency", "firing"),)),
        (ONCALL, (("page", "firing"), ("slower", "firing"))),
    ]


def test_an_alert_that_joins_later_is_told_at_the_next_interval_with_those_that_fire_already(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(MINUTE)
    stage.fire(SLOWER)

    assert stage.wait(4 * MINUTE) == []
    assert stage.wait(MINUTE) == [(ONCALL, (("page", "firing"), ("slower", "firing")))]


def test_an_end_is_told_at_the_next_interval_and_the_group_is_over(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(MINUTE)
    stage.end(PAGE)

    assert stage.wait(5 * MINUTE) == [(ONCALL, (("page", "resolved"),))]
    assert groups(stage) == {}


def test_an_alert_that_ends_while_its_group_waits_is_told_to_nobody(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(10 * SECOND)
    stage.end(PAGE)

    assert stage.wait(HOUR, MINUTE) == []
    assert groups(stage) == {}


def test_what_goes_on_is_repeated_at_the_first_look_after_four_hours(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(MINUTE)

    assert stage.wait(4 * HOUR, 30 * SECOND) == []
    assert stage.wait(5 * MINUTE, 5 * SECOND) == [(ONCALL, (("page", "firing"),))]


def test_an_alert_that_began_long_ago_does_not_wait_again(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.now += 10 * MINUTE  # nobody was there to tell

    assert stage.turn() == 1


def test_a_service_that_names_nobody_is_told_through_its_team(database: Database) -> None:
    stage = Stage(database, [spec(), service(service="quiet", slos=[], signals={})], MONDAY)
    stage.fire({**PAGE, "service": "quiet", "owner": "payments-ml"})

    assert stage.wait(MINUTE) == [(ONCALL, (("page", "firing"),))]


# What keeps what quiet


def test_a_page_holds_back_the_ticket_of_its_slo_until_it_ends(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.fire(TICKET)
    first = stage.wait(10 * MINUTE)
    stage.end(PAGE)

    assert first == [(ONCALL, (("page", "firing"),))]
    assert sorted(stage.wait(6 * MINUTE)) == [(ONCALL, (("page", "resolved"),)), (TICKETS, (("ticket", "firing"),))]


def test_an_outage_holds_back_the_other_alerts_of_its_service_but_not_those_that_start_a_runbook(
    database: Database,
) -> None:
    bound = spec(runbooks=[{"on": {"slo": "availability"}, "run": "bad-release"}])
    stage = Stage(database, [bound], MONDAY)
    for labels in (DOWN, PAGE, LATENCY, SIGNAL):
        stage.fire(labels)

    assert sorted(stage.wait(MINUTE)) == [(ONCALL, (("down", "firing"),)), (ONCALL, (("page", "firing"),))]


def test_an_outage_of_another_environment_holds_nothing_back(stage: Stage) -> None:
    stage.fire({**DOWN, "env": "staging"})
    stage.fire({**PAGE, "env": "production"})

    assert sorted(stage.wait(MINUTE)) == [(ONCALL, (("down", "firing"),)), (ONCALL, (("page", "firing"),))]


def test_the_page_of_a_dependency_holds_back_the_tickets_of_what_depends_on_it(database: Database) -> None:
    ratio = {"ratio": {"bad": "b", "total": "t"}}
    slos = [
        {"name": "availability", "objective": "99%", "window": "30d", "sli": ratio},
        {"name": "quality", "objective": "99%", "window": "30d", "sli": ratio, "depends_on": ["availability"]},
    ]
    stage = Stage(database, [spec(slos=slos)], MONDAY)
    stage.fire(PAGE)
    stage.fire({**TICKET, "slo": "quality"})

    assert stage.wait(MINUTE) == [(ONCALL, (("page", "firing"),))]


def test_what_is_silenced_is_told_when_the_silence_ends(stage: Stage) -> None:
    silence(stage, "service=card-fraud", "slo=~avail.*", lasts=10 * MINUTE)
    stage.fire(PAGE)
    stage.fire(LATENCY)

    assert stage.wait(9 * MINUTE) == [(ONCALL, (("latency", "firing"),))]
    assert stage.wait(6 * MINUTE) == [(ONCALL, (("page", "firing"),))]


def test_a_silence_that_is_expired_by_hand_is_over_at_once(stage: Stage) -> None:
    silence_id = silence(stage, "alertname=ErrorBudgetBurn")
    stage.fire(PAGE)
    stage.wait(20 * SECOND)
    stage.db.write(lambda tx: expire_silence(tx, silence_id, stage.now))

    assert stage.wait(10 * SECOND) == [(ONCALL, (("page", "firing"),))]


# Hours and chains


def hours(**when: str) -> dict[str, Any]:
    return {**ESCALATION, "hours": {"ticket": {"from": "09:00", "to": "17:00", "tz": "Europe/Berlin", **when}}}


def test_a_ticket_of_the_night_is_told_when_the_office_opens_and_a_page_at_once(database: Database) -> None:
    night = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
    stage = Stage(database, [spec(escalation=hours())], night)
    stage.fire(SIGNAL)
    stage.fire(LATENCY)

    assert stage.wait(10 * HOUR - MINUTE, MINUTE) == [(ONCALL, (("latency", "firing"),))] * 3
    stage.end(LATENCY)
    told = stage.wait(7 * MINUTE)
    assert told[-1] == (TICKETS, (("drift", "firing"),))
    assert 8 * HOUR < stage.people.messages[-1][0] - night <= 10 * HOUR + 6 * MINUTE


def test_the_office_is_closed_at_the_week_end_and_follows_its_own_clocks(database: Database) -> None:
    saturday = datetime(2026, 7, 4, 10, 0, tzinfo=UTC)
    stage = Stage(database, [spec(escalation=hours())], saturday)
    stage.fire(SIGNAL)

    assert stage.wait(timedelta(days=1, hours=20, minutes=59), 15 * MINUTE) == []
    assert stage.wait(7 * MINUTE) == [(TICKETS, (("drift", "firing"),))], "09:00 in Berlin is 07:00 UTC in July"


def test_a_page_that_goes_on_is_told_up_the_chain_and_so_is_its_end(database: Database) -> None:
    chain = [{"after": "15m", "to": ["slack:#lead"]}, {"after": "1h", "to": ["slack:#head"]}]
    stage = Stage(database, [spec(escalation={**ESCALATION, "chain": chain})], MONDAY)
    stage.fire(PAGE)
    stage.fire(LATENCY)
    stage.wait(10 * MINUTE)
    stage.end(LATENCY)
    before = stage.wait(5 * MINUTE - 5 * SECOND)
    lead = stage.wait(10 * SECOND)
    stage.end(PAGE)

    assert ("slack:#lead", (("latency", "firing"),)) not in before + lead
    assert lead == [("slack:#lead", (("page", "firing"),))]
    assert sorted(stage.wait(HOUR, 5 * SECOND)) == [
        ("slack:#lead", (("page", "resolved"),)),
        (ONCALL, (("page", "resolved"),)),
    ]


# What cannot be told, restarts, crashes


def test_one_that_cannot_be_reached_is_tried_again_and_keeps_nobody_else_waiting(database: Database) -> None:
    stage = Stage(database, [spec(escalation={"page": [ONCALL, "slack:#second"]})], MONDAY)
    stage.people.deaf = {ONCALL}
    stage.fire(PAGE)
    first = stage.wait(MINUTE)
    stage.people.deaf = set()

    assert first == [("slack:#second", (("page", "firing"),))]
    assert stage.wait(MINUTE) == [(ONCALL, (("page", "firing"),))]
    assert stage.wait(20 * MINUTE) == []


def test_the_log_says_once_who_cannot_be_told_and_when_that_is_over(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING", "burnline.alerting.dispatch")
    stage.people.deaf = {ONCALL}
    stage.fire(PAGE)
    stage.fire(LATENCY)
    stage.wait(20 * MINUTE)
    stage.people.deaf = set()
    stage.wait(20 * MINUTE)
    stage.people.deaf = {ONCALL}
    stage.fire(SLOWER)
    stage.wait(20 * MINUTE)

    told = [(each.message, vars(each)["receiver"], vars(each)["why"]) for each in caplog.records]

    cannot = ("people could not be told", ONCALL, "down")
    assert told == [cannot, ("people are told again", ONCALL, ""), cannot]


def test_whoever_heard_of_the_beginning_hears_of_the_end_although_another_was_deaf(database: Database) -> None:
    stage = Stage(database, [spec(escalation={"page": [ONCALL, "slack:#second"]})], MONDAY)
    stage.people.deaf = {ONCALL}
    stage.fire(PAGE)
    stage.wait(31 * SECOND)
    stage.end(PAGE)
    stage.wait(10 * SECOND)
    stage.people.deaf = set()

    assert stage.wait(6 * MINUTE) == [("slack:#second", (("page", "resolved"),))]
    assert groups(stage) == {}


def test_an_attempt_that_is_made_again_has_the_same_key(database: Database) -> None:
    stage = Stage(database, [spec()], MONDAY)
    keys: list[str] = []
    send = stage.people.send

    def refuse_twice(receivers: Any, body: Any, /, *, key: str, at: datetime, whom: str) -> Any:
        keys.append(key)
        stage.people.deaf = {ONCALL} if len(keys) < 3 else set()
        return send(receivers, body, key=key, at=at, whom=whom)

    stage.dispatch = PeopleDispatch(database, stage.specs, send=refuse_twice)
    stage.fire(PAGE)
    stage.wait(MINUTE)
    stage.end(PAGE)
    stage.wait(6 * MINUTE)

    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[2]


def test_a_restart_repeats_nothing_and_forgets_nothing(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(MINUTE)
    stage.fire(LATENCY)
    stage.wait(10 * SECOND)

    stage.restart()

    assert stage.wait(10 * MINUTE) == [(ONCALL, (("latency", "firing"),))]
    stage.end(PAGE)
    stage.restart()
    assert stage.wait(6 * MINUTE) == [(ONCALL, (("page", "resolved"),))]


def test_what_was_due_when_the_process_died_is_told_after_it(stage: Stage) -> None:
    def die(*_: Any, **__: Any) -> Any:
        raise SystemExit

    stage.fire(PAGE)
    stage.wait(29 * SECOND)
    stage.now += SECOND
    dying = PeopleDispatch(stage.db, stage.specs, send=die)
    with stage.db.read() as tx:
        turn = dying._turn(tx, stage.now)
    dying._keep(turn.changed)  # and then it died
    assert len(turn.messages) == 1

    stage.restart()

    assert stage.wait(2 * SECOND) == [(ONCALL, (("page", "firing"),))]


def test_a_clock_that_is_set_back_delays_nothing_for_long(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(MINUTE)
    stage.now -= 10 * HOUR
    stage.end(PAGE)

    assert stage.wait(6 * MINUTE) == [(ONCALL, (("page", "resolved"),))]


def test_people_whom_the_service_file_names_no_more_are_told_nothing(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(MINUTE)
    stage.specs = [spec(escalation={"page": ["slack:#new"]})]
    stage.restart()
    stage.end(PAGE)

    assert stage.wait(6 * MINUTE) == []


def test_the_same_on_every_database(any_url: str) -> None:
    db = open_database(any_url)
    stage = Stage(db, [spec()], MONDAY)
    silence(stage, "alertname=Other")
    stage.fire(PAGE)

    assert stage.wait(MINUTE, 10 * SECOND) == [(ONCALL, (("page", "firing"),))]
    db.close()


# What is said


def test_the_message_is_alertmanagers_webhook_with_words_for_people(stage: Stage) -> None:
    stage.fire(PAGE, summary="availability burns", description="Over 1h ...")
    stage.wait(MINUTE)

    [(_, _, body, _)] = stage.people.messages
    assert (body["version"], body["status"], body["receiver"]) == ("4", "firing", "card-fraud-page")
    assert body["groupLabels"] == {"alertname": "ErrorBudgetBurn", "service": "card-fraud", "slo": "availability"}
    assert body["title"] == "[FIRING:1] ErrorBudgetBurn card-fraud availability"
    assert body["text"] == "availability burns\nOver 1h ..."
    assert body["alerts"][0]["endsAt"].startswith("0001-01-01T00:00:00")
    assert body["alerts"][0]["labels"] == PAGE


def test_beginning_and_end_have_one_key_by_which_a_pager_knows_the_incident(stage: Stage) -> None:
    stage.fire(PAGE)
    stage.wait(MINUTE)
    stage.end(PAGE)
    stage.wait(6 * MINUTE)

    firing, resolved = (body for _, _, body, _ in stage.people.messages)
    assert firing["dedup"] == resolved["dedup"]
    assert resolved["title"] == "[RESOLVED] ErrorBudgetBurn card-fraud availability"
