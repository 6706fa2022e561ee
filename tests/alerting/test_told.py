"""Who was told of an alert is on the record of its incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from burnline.alerting.dispatch import PeopleDispatch
from burnline.alerting.inbox import AlertWorker
from burnline.alerting.webhook import fingerprint
from burnline.app.postmortem import gather
from burnline.app.postmortem_text import to_html, to_markdown
from burnline.runbooks.receivers import text_of
from burnline.store import timeline
from burnline.store.database import Database
from burnline.store.timeline import Entry
from tests.alerting.bodies import alert
from tests.alerting.people import Stage
from tests.alerting.scene import Catalogue, post
from tests.alerting.test_dispatch import MINUTE, MONDAY, ONCALL, PAGE, SECOND, SLOWER, TICKET, spec

LEAD = "mailto:lead@example.com"
BOTH = {"page": [ONCALL, LEAD], "ticket": ["slack:#tickets"]}


class Told(Stage):
    """A stage whose alerts are in the inbox as well."""

    def __init__(self, db: Database) -> None:
        super().__init__(db, [spec(escalation=BOTH)], MONDAY)
        self.worker = AlertWorker(db, self.specs, Catalogue())

    def begin(self, labels: Mapping[str, str], source: str = "embedded") -> None:
        """An alert begins, and is delivered."""
        if source == "embedded":
            self.fire(labels)
        post(self.db, self.now, alert(self.now, labels=labels, fingerprint=fingerprint(dict(labels))), source=source)
        self.worker.run_once(self.now)

    def over(self, labels: Mapping[str, str]) -> None:
        """It ends, and that is delivered."""
        self.end(labels)
        ended = alert(MONDAY, self.now, labels=labels, fingerprint=fingerprint(dict(labels)))
        post(self.db, self.now, ended, source="embedded")
        self.worker.run_once(self.now)

    def lines(self, incident_id: int = 1) -> list[Entry]:
        """What the record says of telling."""
        with self.db.read() as tx:
            return [entry for entry in timeline.entries(tx, incident_id) if entry.type == "people_told"]


def test_a_message_links_to_its_incident_where_people_reach_burnline(stage: Told) -> None:
    stage.dispatch = PeopleDispatch(stage.db, stage.specs, send=stage.people.send, url="https://burnline.example.com/")
    stage.begin(PAGE)

    stage.wait(MINUTE)

    _, _, body, _ = stage.people.messages[0]
    assert body["incident_url"] == "https://burnline.example.com/incidents/1"
    assert "see: https://burnline.example.com/incidents/1" in text_of(body)


@pytest.fixture
def stage(database: Database) -> Told:
    return Told(database)


def test_one_line_says_who_was_told_of_a_page_and_who_of_its_end(stage: Told) -> None:
    stage.begin(PAGE)
    stage.wait(MINUTE)
    stage.over(PAGE)

    stage.wait(5 * MINUTE)

    assert [entry.text for entry in stage.lines()] == [
        f"page of ErrorBudgetBurn availability: told {ONCALL}, {LEAD}",
        f"page of ErrorBudgetBurn availability is over: told {ONCALL}, {LEAD}",
    ]
    first, last = stage.lines()
    assert (first.at, first.source, first.actor) == (MONDAY + 30 * SECOND, "alerting", "burnline")
    expected = {"audience": "card-fraud-page", "severity": "page", "reached": [ONCALL, LEAD], "failed": {}}
    assert (first.data, last.data["firing"]) == ({**expected, "firing": 1}, 0)


def test_a_receiver_that_is_down_is_named_once_however_often_it_is_tried(stage: Told) -> None:
    stage.people.deaf = {LEAD}
    stage.begin(PAGE)

    stage.wait(4 * MINUTE, SECOND)

    assert [entry.text for entry in stage.lines()] == [
        f"page of ErrorBudgetBurn availability: told {ONCALL}; could not tell {LEAD}: down; it is tried again"
    ]
    assert stage.lines()[0].data["failed"] == {LEAD: "down"}


def test_receivers_that_are_not_told_for_one_reason_are_named_together(stage: Told) -> None:
    stage.people.deaf = {ONCALL, LEAD}
    stage.begin(PAGE)

    stage.wait(MINUTE, SECOND)

    assert [entry.text for entry in stage.lines()] == [
        f"page of ErrorBudgetBurn availability: could not tell {ONCALL}, {LEAD}: down; it is tried again"
    ]


def test_a_receiver_that_is_reached_after_all_has_a_line_of_its_own(stage: Told) -> None:
    stage.people.deaf = {LEAD}
    stage.begin(PAGE)
    stage.wait(MINUTE, SECOND)
    stage.people.deaf = set()

    stage.wait(2 * MINUTE, SECOND)

    assert [(entry.data["reached"], entry.data["failed"]) for entry in stage.lines()] == [
        ([ONCALL], {LEAD: "down"}),
        ([LEAD], {}),
    ]


def test_alerts_that_are_told_together_have_one_line(stage: Told) -> None:
    for labels in (PAGE, SLOWER, TICKET):
        stage.begin(labels)

    stage.wait(MINUTE)

    texts = sorted(entry.text for entry in stage.lines())
    assert texts == [f"page of ErrorBudgetBurn availability (2 alerts): told {ONCALL}, {LEAD}"]


def test_who_was_told_of_a_ticket_about_drills_is_on_the_record_of_drills(stage: Told) -> None:
    stage.begin({"alertname": "DrillFailed", "service": "card-fraud", "severity": "ticket"}, source="drills")

    stage.wait(MINUTE)

    assert [entry.text for entry in stage.lines()] == ["DRILL: ticket of DrillFailed: told slack:#tickets"]


def test_an_alert_that_is_not_on_record_yet_is_told_all_the_same(stage: Told) -> None:
    stage.fire(PAGE)

    assert {receiver for receiver, _ in stage.wait(MINUTE)} == {ONCALL, LEAD}
    assert stage.lines() == []


def test_the_record_holds_after_lines_of_several_groups(stage: Told) -> None:
    stage.begin(PAGE)
    stage.begin({**PAGE, "slo": "latency", "id": "latency"})

    stage.wait(MINUTE)

    with stage.db.read() as tx:
        record = timeline.entries(tx, 1)
    assert len(stage.lines()) == 2
    assert timeline.first_broken(record) is None


def test_the_post_mortem_names_those_who_were_told(stage: Told, tmp_path: Path) -> None:
    stage.people.deaf = {LEAD}
    stage.begin(PAGE)
    stage.wait(MINUTE)

    with stage.db.read() as tx:
        made = gather(tx, 1, stage.specs, stage.now + timedelta(minutes=1))

    assert [entry.type for entry in made.told] == ["people_told"]
    for page in (to_markdown(made), to_html(made)):
        assert "slack:#oncall; could not tell" in page.partition("Who was told")[2].replace("\\", "")
