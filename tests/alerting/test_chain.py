"""Escalation chains on a real Alertmanager: a page that goes on is told to more people, one that ended is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.alerting.card_fraud import service
from tests.alerting.live import Clock, Message, People, alertmanager, plain

pytestmark = pytest.mark.integration

FAST = 300.0
MINUTE = 60.0
GOES_ON = plain("alertname=ErrorBudgetBurn service=card-fraud slo=availability severity=page id=goes-on")
ENDS = plain("alertname=ErrorBudgetBurn service=card-fraud slo=latency severity=page id=ends")


def test_a_page_that_goes_on_reaches_the_chain_and_one_that_ended_before_does_not(tmp_path: Path) -> None:
    with People() as people:
        escalation = {
            "page": [f"webhook:{people.url}/oncall"],
            "chain": [{"after": "15m", "to": [f"webhook:{people.url}/lead"]}],
        }
        spec = service(escalation=escalation)
        with alertmanager(tmp_path, [spec], f"{people.url}/burnline", FAST) as sender:
            clock = Clock(FAST)
            sender.post(GOES_ON, ENDS)
            clock.until(8 * MINUTE)
            sender.post(ENDS, ended=True)
            clock.until(14 * MINUTE)
            before = people.so_far()
            clock.until(25 * MINUTE)
            after = people.so_far()
            sender.post(GOES_ON, ended=True)
            clock.until(40 * MINUTE)
            end = people.so_far()

    told = [each for each in before if each.whom != "burnline"]
    assert sorted(told, key=str) == sorted(
        [
            Message("oncall", (("goes-on", "firing"),)),
            Message("oncall", (("ends", "firing"),)),
            Message("oncall", (("ends", "resolved"),)),
        ],
        key=str,
    )
    assert after == [Message("lead", (("goes-on", "firing"),))]
    assert sorted(each.whom for each in end) == ["burnline", "lead", "oncall"]
    assert {each.alerts for each in end} == {(("goes-on", "resolved"),)}
