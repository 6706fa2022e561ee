"""The same alerts through a real Alertmanager and through the own dispatcher: the same people hear the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from burnline.alerting.matchers import parse_matcher
from burnline.alerting.silences import Silence, expire_silence, set_silence
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from tests.alerting.card_fraud import service
from tests.alerting.live import Clock, People, alertmanager, plain
from tests.alerting.people import Stage

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FAST = 150.0  # how much faster Alertmanager's script runs
Heard = Mapping[str, Sequence[Any]]

BURN = "alertname=ErrorBudgetBurn service=card-fraud"
PAGE = plain(f"{BURN} slo=availability severity=page id=page")
TICKET = plain(f"{BURN} slo=availability severity=ticket id=ticket")
SECOND = plain(f"{BURN} slo=availability severity=page tier=slow id=second")
LATENCY = plain(f"{BURN} slo=latency severity=page id=latency")
SHORT = plain(f"{BURN} slo=short severity=page id=short")
SIGNAL = plain("alertname=SignalAlarm service=card-fraud signal=drift severity=ticket id=drift")
HUSHED = plain("alertname=SloNoData service=card-fraud slo=latency severity=ticket id=hushed")
DOWN = plain("alertname=ServiceDown service=bank severity=page id=down")
CHILD = plain("alertname=SloNoData service=bank slo=availability severity=ticket id=child")
ACTS = plain("alertname=GpuLost service=bank severity=page id=acts")
STRANGER = plain("alertname=NodeDown service=stranger owner=payments-ml severity=page id=stranger")


@dataclass(frozen=True)
class Line:
    """One line of the script: at so many seconds these alerts begin or end, or a silence does."""

    at: float
    does: str  # fire | end | silence | expire
    alerts: tuple[Mapping[str, str], ...] = ()
    matcher: str = ""


SCRIPT = [
    Line(0, "silence", matcher="id=hushed"),
    Line(1, "fire", (PAGE, TICKET, SHORT, DOWN, CHILD, ACTS, HUSHED, STRANGER)),
    Line(16, "end", (SHORT,)),  # within group_wait: nobody hears of it
    Line(100, "fire", (SIGNAL,)),
    Line(200, "fire", (SECOND, LATENCY)),  # one joins a group, one makes its own
    Line(520, "end", (LATENCY,)),  # before the chain hears
    Line(800, "expire"),  # of the silence: what it hushed is told
    Line(1200, "end", (PAGE, SECOND)),  # after the chain heard; the ticket may speak
    Line(1600, "end", (DOWN,)),  # the child may speak
    Line(2200, "end", (TICKET, SIGNAL, HUSHED, CHILD, ACTS, STRANGER)),
    Line(2700, ""),
]


def specs(address: Callable[[str], str]) -> list[ServiceSpec]:
    """Two services whose people are at these addresses."""
    people = {
        "page": [address("oncall"), address("second")],
        "ticket": [address("tickets")],
        "chain": [{"after": "15m", "to": [address("lead")]}],
    }
    bank = {
        "service": "bank",
        "owner": "bank-ml",
        "escalation": {"page": [address("bank-page")], "ticket": [address("bank-ticket")]},
        "runbooks": [{"on": {"alert": "GpuLost"}, "run": "gpu-failure"}],
    }
    return [service(escalation=people), service(**bank)]


def through_alertmanager(folder: Path) -> Heard:
    """What each person hears when the script runs through Alertmanager."""
    with People() as people:
        where = specs(lambda name: f"webhook:{people.url}/{name}")
        with alertmanager(folder, where, f"{people.url}/burnline", FAST) as sender:
            clock, silence_id = Clock(FAST), ""
            for line in SCRIPT:
                clock.until(line.at)
                if line.does == "silence":
                    name, _, value = line.matcher.partition("=")
                    silence_id = sender.silence(
                        [{"name": name, "value": value, "isRegex": False, "isEqual": True}], 3600
                    )
                elif line.does == "expire":
                    sender.expire(silence_id)
                elif line.alerts:
                    sender.post(*line.alerts, ended=line.does == "end")
        messages = people.so_far()
    return by_person((each.whom, each.alerts) for each in messages if each.whom != "burnline")


def through_the_own_dispatcher(database: Database) -> Heard:
    """What each person hears when burnline tells them itself."""
    start = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    stage = Stage(database, specs(lambda name: f"webhook:http://127.0.0.1:9/{name}"), start)
    silence_id = ""
    for line in SCRIPT:
        stage.wait(start + timedelta(seconds=line.at) - stage.now, timedelta(seconds=5))
        for alert in line.alerts:
            (stage.fire if line.does == "fire" else stage.end)(alert)
        if line.does == "silence":
            until = stage.now + timedelta(hours=1)
            wanted = Silence("", (parse_matcher(line.matcher),), stage.now, until, stage.now, "test", "test")
            silence_id = database.write(partial(set_silence, wanted=wanted, now=stage.now))
        elif line.does == "expire":
            database.write(partial(expire_silence, silence_id=silence_id, now=stage.now))
    return by_person((whom.rpartition("/")[2], alerts) for whom, alerts in stage.people.told())


def by_person(told: Any) -> Heard:
    """Each person's messages in order; those of different groups at one moment in a fixed order."""
    heard: dict[str, list[Any]] = defaultdict(list)
    for whom, alerts in told:
        heard[whom].append(alerts)
    return {whom: sorted(messages, key=str) for whom, messages in heard.items()}


def test_the_same_people_hear_the_same(tmp_path: Path, database: Database) -> None:
    own, theirs = through_the_own_dispatcher(database), through_alertmanager(tmp_path)

    assert own == theirs
    assert own["lead"] == [
        (("page", "firing"), ("second", "firing")),
        (("page", "resolved"), ("second", "resolved")),
    ]
    assert own["bank-ticket"] == [(("child", "firing"),), (("child", "resolved"),)]
    assert ("short", "firing") not in [alert for messages in own.values() for each in messages for alert in each]
