"""An incident exported as the draft of a post-mortem: what is on record, times that are defined, nothing that acts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from burnline.app.postmortem import PostMortem, gather, to_json
from burnline.app.postmortem_text import to_html, to_markdown
from burnline.errors import BurnlineError
from burnline.events import Cell, Contributor, Counts, Finding, Verdict
from burnline.runbooks.approvals import decide
from burnline.store import incidents
from burnline.store.approvals import pending_approvals
from burnline.store.database import Database
from burnline.store.incidents import OPEN
from burnline.store.releases import record_release
from burnline.store.signals import record_finding
from tests.runbooks.scene import BURN, T0, Scene

HOSTILE = "<script>alert(1)</script> [x](http://evil.example) | ${jndi} `rm`"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def made(database: Database, tmp_path: Path) -> PostMortem:
    """A release that burned the budget, taken back ten seconds after ana said yes; the alert's labels are hostile."""
    scene = Scene(database, tmp_path)
    for version, at in (("1", T0 - 90 * MINUTE), ("2", T0 - 10 * MINUTE)):
        database.write(partial(record_release, service="fraud", version=version, now=at, source="scrape"))
    scene.request(approval="one", labels={**BURN, "pod": HOSTILE})
    scene.play(10)
    with database.read() as tx:
        [(asked, _)] = pending_approvals(tx)
    decide(
        database,
        asked.id,
        actor="ana",
        decision="approve",
        plan_hash=asked.plan_hash,
        reason=HOSTILE,
        now=scene.now,
    )
    for score, at in ((0.2, T0 - 20 * MINUTE), (0.4, T0), (0.9, T0 - timedelta(days=3))):
        database.write(partial(record_finding, finding=drifted(score, at)))
    scene.play(30)
    with database.read() as tx:
        [episode] = incidents.episodes_between(tx, ["fraud"], T0 - MINUTE, scene.now)
    ended = incidents.Episode(
        **{name: getattr(episode, name) for name in episode.__slots__} | {"state": "closed", "ended_at": scene.now}
    )
    database.write(lambda tx: incidents.keep_episode(tx, ended))
    database.write(lambda tx: incidents.close_incident(tx, 1, scene.now))
    with database.read() as tx:
        return gather(tx, 1, [scene.spec], scene.now)


def drifted(score: float, at: datetime) -> Finding:
    cells = (Cell("up to 3", 0.5, 0.1), Cell(HOSTILE, 0.5, 0.9))
    contributors = (Contributor("amount", score, cells=cells, shown={"psi": 0.8}),)
    return Finding(
        "fraud", "drift", at, at + MINUTE, Verdict.ALARM, score, Counts(40, 100), "amount drifted", contributors
    )


def times(made: PostMortem) -> dict[str, timedelta | None]:
    return {each.name: each.took for each in made.times}


def test_each_time_is_counted_from_the_record(made: PostMortem) -> None:
    took = times(made)

    assert took["time to acknowledge (MTTA)"] == timedelta(seconds=10)
    assert took["time to the first change"] == timedelta(seconds=10)
    assert took["time to recover (MTTR)"] == timedelta(seconds=40)
    proof = took["time to proof"]
    assert proof is not None
    assert timedelta(seconds=10) < proof < timedelta(seconds=40)


def test_a_time_that_is_not_on_record_is_not_invented(database: Database) -> None:
    database.write(lambda tx: incidents.start_incident(tx, service="fraud", title="it burns", now=T0))

    with database.read() as tx:
        made = gather(tx, 1, [], T0 + MINUTE)

    assert set(times(made).values()) == {None}
    assert made.incident.state == OPEN
    assert "not on record" in to_markdown(made)
    assert "no service file names fraud" in to_markdown(made)


def test_it_holds_the_release_the_plan_the_answer_and_every_step(made: PostMortem) -> None:
    page = to_markdown(made)

    assert [(each.previous, each.version) for each in made.releases] == [("1", "2")]
    assert [(each.state, [vote.actor for vote in each.votes]) for each in made.asked] == [("approved", ["ana"])]
    assert [step.name for step in made.runs[0].steps][-1] == "prove"
    assert made.chain_holds
    assert made.head in page


def test_what_the_runbook_says_of_afterwards_is_a_list_to_tick_off(made: PostMortem) -> None:
    page = to_markdown(made)

    assert "- [ ] Write down why the release passed its checks" in page


def test_what_people_must_write_says_so(made: PostMortem) -> None:
    for page in (to_markdown(made), to_html(made)):
        for title in ("Impact", "Root cause", "What went well"):
            assert title in page
        assert page.count("To be written by people.") == len(made.for_people) + 1


def test_hostile_labels_and_reasons_stay_text_in_every_form(made: PostMortem) -> None:
    page, markdown = to_html(made), to_markdown(made)

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in markdown.replace("\\<script", "")
    assert "[x](" not in markdown
    assert "http://" not in markdown
    assert json.loads(to_json(made))["alerts"][0]["labels"]["pod"] == HOSTILE


def test_the_page_loads_nothing_and_runs_no_script(made: PostMortem) -> None:
    page = to_html(made)

    assert "default-src 'none'" in page
    assert "src=" not in page.replace("default-src=", "")
    assert "href=" not in page


def test_programs_get_moments_and_seconds(made: PostMortem) -> None:
    data = json.loads(to_json(made))

    [acknowledged] = [each["took"] for each in data["times"] if "MTTA" in each["name"]]
    assert acknowledged == 10.0
    assert data["incident"]["opened_at"] == "2026-01-05T12:00:00+00:00"


def test_an_incident_that_is_none_is_named_with_those_there_are(database: Database) -> None:
    database.write(lambda tx: incidents.start_incident(tx, service="fraud", title="it burns", now=T0))

    with database.read() as tx, pytest.raises(BurnlineError, match="no incident has the number 7; the newest are 1"):
        gather(tx, 7, [], T0)


def test_the_worst_window_of_each_signal_is_shown_cell_by_cell(made: PostMortem) -> None:
    page, text, plain = to_html(made), to_markdown(made), json.loads(to_json(made))

    assert [(each.signal, each.score) for each in made.signals] == [("drift", 0.4)], "of the time, not of days before"
    assert "| drift | 2026" in text
    assert "amount drifted" in text
    assert "| 50.0% | 90.0% |" in text
    assert page.count('class="gained"') == 1
    assert "<script>" not in page
    assert plain["signals"][0]["contributors"][0]["cells"][0] == {"what": "up to 3", "reference": 0.5, "live": 0.1}
