"""`burnline explain`, as somebody types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from burnline.app.cli import app
from burnline.errors import BurnlineError

FILE = """\
apiVersion: burnline/v1
service: shop
owner: team
slos:
  - {name: availability, objective: 99.9%, window: 30d, sli: {ratio: {bad: b, total: t}}, depends_on: [month]}
  - {name: month, objective: 99.5%, window: {calendar: month, tz: Europe/Berlin}, sli: {same_as: availability}}
exclude: [{from: "2026-01-04T03:00", for: 2h, rrule: "FREQ=WEEKLY;BYDAY=SU", reason: weekly maintenance}]
budget_policy: [{left: 25%, do: freeze_releases}]
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "shop.yaml"
    path.write_text(FILE)
    return str(path)


def say(*words: str) -> str:
    done = CliRunner().invoke(app, ["explain", *words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_it_says_what_is_allowed_and_what_fires_when(file: str) -> None:
    said = say(file, "availability", "--traffic", "50/s")

    for words in (
        "99.9% of its events are good over 30d (SLI: ratio).",
        "That allows 43m12s of full outage in 30d.",
        "At 50 events per second that is 129,600 bad events of 129,600,000.",
        "weekly maintenance.",
        "While shop/month pages, its page says so and its tickets are silent.",
        "Error-budget policy: 25% left: freeze releases.",
        "51.84s (2% spent)",
        "4m56s",
    ):
        assert words in said
    assert "shop month" not in said


def test_a_calendar_month_says_when_its_budget_is_whole_again(file: str) -> None:
    said = say(file, "month")

    assert "in each month (Europe/Berlin)" in said
    assert "its budget is whole again at" in said
    assert "--traffic says" in said


def test_programs_get_seconds(file: str) -> None:
    found = json.loads(say(file, "--json"))

    assert [each["slo"] for each in found] == ["availability", "month"]
    assert found[0]["outage"] == 2592
    assert found[0]["tiers"][0]["detections"][-1]["after"] == 51.84


def test_an_slo_that_is_not_there_names_those_that_are(file: str) -> None:
    with pytest.raises(BurnlineError, match="has no SLO called 'latency'; it has availability or month"):
        say(file, "latency")


def test_a_traffic_that_is_none_is_refused(file: str) -> None:
    with pytest.raises(BurnlineError, match="--traffic: 'lots' is no traffic"):
        say(file, "--traffic", "lots")


def test_a_prometheus_that_does_not_answer_is_told(file: str) -> None:
    with pytest.raises(BurnlineError, match=r"Prometheus at 127\.0\.0\.1:1 cannot say: unreachable"):
        say(file, "--prometheus", "http://127.0.0.1:1")
