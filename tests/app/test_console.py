"""The pages as a browser without scripts gets them: the first screen, a service, and what is the same on every page."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from burnline.app.console import pages
from burnline.app.console.words import delta, percent, rate, span
from burnline.app.wiring import build
from burnline.events import Collection
from burnline.runbooks.switch import switch_actions
from burnline.settings import Settings
from burnline.store.incidents import start_incident
from burnline.store.series import Point, record
from tests.app.scenes import Client, browser, deliver, row, text
from tests.flow.world import World

STATIC = pages.FOLDER / "static"
PATHS = ["/", "/services/scoring", "/incidents", "/incidents/1", "/approvals"]


# The first screen: is it OK, what is burning, what is being done


def test_a_healthy_fleet_is_said_to_keep_its_promise(scene: World) -> None:
    scene.live(30)

    page = browser(scene.app).get("/")

    assert page.status_code == 200
    assert "● scoring keeps its promise" in text(page.text)
    assert "open incidents 0" in text(page.text)
    assert "● OK" in row(page.text, "availability")


def test_a_service_that_is_read_and_counts_nothing_is_unknown_and_never_ok(scene: World) -> None:
    scene.live(12, traffic=False)

    fleet, [found] = browser(scene.app).get("/").text, Client(scene.app).get("/v1/services").json()
    assert "? scoring is unknown: no data is not health" in text(fleet)
    assert "OK" not in row(fleet, "latency")
    assert {slo["state"] for slo in found["slos"]} == {found["state"]} == {"unknown"}
    assert "No event since" in row(fleet, "latency")


def test_a_service_of_which_some_slos_have_data_says_how_many_have_none(scene: World) -> None:
    scene.live(3)

    fleet, page = browser(scene.app).get("/").text, browser(scene.app).get("/services/scoring").text

    [found] = Client(scene.app).get("/v1/services").json()
    unknown = sum(slo["state"] == "unknown" for slo in found["slos"])
    assert 0 < unknown < 3
    assert "? scoring is partly unknown" in text(fleet)
    assert found["partly"].startswith(f"{unknown} of 3 SLOs ")
    assert found["partly"] in text(page)
    assert found["partly"] in text(fleet)


def test_the_first_screen_says_what_burns_and_what_is_being_done(breached: World) -> None:
    page = text(browser(breached.app).get("/").text)

    assert "▲ scoring breaks its promise" in page
    assert "bad-release waits for a person" in page
    assert re.search(r"at this rate the budget of 12h is gone in \d+ minutes", page)
    assert page.index("breaks its promise") < page.index("Open incidents") < page.index("SLOs")


def test_numbers_name_their_window_and_times_their_zone(breached: World) -> None:
    fleet = browser(breached.app).get("/")

    assert re.search(r"99% over 12h", row(fleet.text, "availability"))
    assert re.search(r"x / [\d.]+x over 1m / 5s", row(fleet.text, "availability"))
    assert re.search(r"\d\d:\d\d:\d\d UTC", text(fleet.text))


def test_the_title_of_the_tab_says_that_something_burns(breached: World) -> None:
    client = browser(breached.app)

    assert "<title>▲ 1 breached · burnline</title>" in client.get("/").text
    assert "<title>▲ scoring · burnline</title>" in client.get("/services/scoring").text
    assert "<title>◆ 1 · Approvals · burnline</title>" in client.get("/approvals").text


def test_before_the_first_turn_a_service_is_unknown_and_the_page_says_why(scene: World) -> None:
    page = text(browser(scene.app).get("/").text)

    assert "? scoring is unknown: no data is not health" in page
    assert "Not evaluated yet" in page
    assert "keeps its promise" not in page


def test_a_storm_hides_no_incident_of_a_watched_service(scene: World) -> None:
    deliver(scene, service="scoring", summary="the one that matters")
    for n in range(150):
        scene.app.db.write(partial(start_incident, service=f"stranger-{n}", title="noise", now=scene.now))

    page = text(browser(scene.app).get("/").text)

    assert "open incidents 151" in page
    assert "Open incidents 100 of 151, those of services watched here first" in page
    assert "the one that matters" in page


def test_a_service_that_falls_silent_is_unknown_with_cause_and_remedy(scene: World) -> None:
    scene.live(20)
    scene.pager.up = False
    scene.live(25, traffic=False)

    page = browser(scene.app).get("/services/scoring")

    assert '<tr class="unknown">' in page.text
    assert "? unknown" in row(page.text, "availability")
    assert "is the service up, and does its page show this metric?" in row(page.text, "availability")
    assert "▲ failed" in row(page.text, "http")


def test_an_engine_that_stands_still_is_not_taken_for_a_healthy_service(scene: World) -> None:
    scene.live(5)
    scene.now += timedelta(minutes=5)

    page = text(browser(scene.app).get("/").text)

    assert "? scoring is not being evaluated" in page


def test_without_services_the_page_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "services"
    folder.mkdir()
    (folder / "plain.yaml").write_text("apiVersion: burnline/v1\nservice: plain\nowner: team\n")
    app = build(Settings(database=f"sqlite:///{tmp_path}/b.db", services=folder))
    app.specs = ()
    page = text(browser(app).get("/").text)
    app.stop()

    assert "? No service is watched" in page
    assert "Put a service file" in page


def test_a_service_without_slos_is_unknown_and_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text("apiVersion: burnline/v1\nservice: plain\nowner: team\n")
    app = build(Settings(database=f"sqlite:///{tmp_path}/b.db", services=tmp_path / "plain.yaml"))
    client = browser(app)
    fleet, page = client.get("/"), client.get("/services/plain")
    app.stop()

    assert "Nothing is promised: add slos to its service file." in text(fleet.text)
    assert page.status_code == 200
    assert "? unknown" in text(page.text)


# A service


def test_a_service_shows_every_tier_and_marks_the_firing_ones(breached: World) -> None:
    page = browser(breached.app).get("/services/scoring")

    assert re.search(r"▲ page-fast 1m / 5s 14.4x [\d.]+x [\d.]+x", text(page.text))
    assert "ticket-slow 1h12m / 6m 1x" in text(page.text)


def test_a_signal_without_a_window_yet_says_when_its_first_one_ends(scene: World) -> None:
    page = browser(scene.app).get("/services/scoring").text

    assert "? no data" in row(page, "drift")
    assert re.search(
        r"no data yet: the first window ends \d\d:\d\d:\d\d UTC; it needs [\d,]+ events", row(page, "drift")
    )


def test_a_collector_with_nothing_to_read_is_not_said_to_have_read(scene: World) -> None:
    turn = Collection("scoring", "gpu", "nvml", scene.now, 0.1, ok=True, nothing=True, notes=("no GPU",))
    scene.app.turns["scoring", "gpu", "nvml", True] = turn

    page = browser(scene.app).get("/services/scoring").text

    assert "gpu - nothing to read no GPU nvml" in row(page, "gpu")


def test_a_collector_that_nobody_asked_for_and_that_has_nothing_leaves_no_trace(scene: World) -> None:
    idle = {"asking", "jobs", "pushed"}
    scene.app.turns["scoring", "asking", "posted to burnline", False] = Collection(
        "scoring", "asking", "posted to burnline", scene.now, 0.1, ok=False, error="the database was away"
    )

    scene.live(20)

    assert not idle & {name for _, name, *_ in scene.app.turns}, "also what failed before is over"
    scene.app.db.write(
        lambda tx: record(tx, "scoring", [Point("burnline_business_orders_total", {}, 1, add=True)], scene.now)
    )
    scene.live(20)
    assert idle & {name for _, name, *_ in scene.app.turns} == {"pushed"}


def test_charts_know_incidents_and_releases(breached: World) -> None:
    page = browser(breached.app).get("/services/scoring").text

    [incident] = breached.incidents()
    bands = json.loads(re.findall(r'data-incidents="([^"]*)"', page)[0])
    releases = json.loads(re.findall(r'data-releases="([^"]*)"', page)[0].replace("&#34;", '"'))
    assert bands == [[incident.opened_at.timestamp(), None]]
    assert [version for _, version in releases] == ["2"]


def test_the_time_shown_can_be_widened_to_the_whole_window(breached: World) -> None:
    client = browser(breached.app)

    page = client.get("/services/scoring?last=12h")

    assert "history?seconds=43200.0" in page.text
    assert 'href="/services/scoring?last=12h" aria-current="true"' in page.text
    assert 'hx-get="/parts/services/scoring?last=12h"' in page.text


@pytest.mark.parametrize("last", ["", "1y", "nonsense", "-5m", "<script>", "9" * 400])
def test_a_time_that_is_not_offered_shows_the_recent_past(breached: World, last: str) -> None:
    page = browser(breached.app).get("/services/scoring", params={"last": last})

    assert page.status_code == 200
    assert "history?seconds=720.0" in page.text
    assert "<script>" not in page.text


def test_without_scripts_charts_give_way_to_a_link_and_tables_stay(breached: World) -> None:
    page = browser(breached.app).get("/services/scoring").text

    assert page.count("<noscript>") == 3
    assert 'aria-label="Burn rate of availability; page-fast: ' in page


def test_what_a_page_lacks_stands_beside_its_collector(scene: World) -> None:
    note = "no burnline_serving_running_requests: the page has no <vllm:num_requests_running>"
    turn = Collection("scoring", "vllm", "http://h", scene.now, 0.1, ok=True, notes=(note,))
    scene.app.turns["scoring", "vllm", "http://h", True] = turn

    page = browser(scene.app).get("/services/scoring").text

    assert "1 not shown by the page" in page
    assert "&lt;vllm:num_requests_running&gt;" in page


def test_gpus_that_do_not_answer_are_told_beside_their_collector(scene: World) -> None:
    turn = Collection("scoring", "gpu", "nvml", scene.now, 0.1, ok=True, notes=("2 of 4 GPUs do not answer",))
    scene.app.turns["scoring", "gpu", "nvml", True] = turn

    page = browser(scene.app).get("/services/scoring").text

    assert "read 2 of 4 GPUs do not answer nvml" in row(page, "gpu")


def test_a_note_of_what_is_no_page_is_shown_as_it_is(scene: World) -> None:
    note = "off while node is scraped: it is node_exporter of this machine <really>"
    turn = Collection("", "host", "gateway", scene.now, 0.1, ok=True, nothing=True, notes=(note,))
    scene.app.turns["", "host", "gateway", True] = turn

    page = browser(scene.app).get("/services/scoring").text

    assert f"- nothing to read {note}" in text(page)
    assert "shown by the page" not in page


def test_collectors_of_burnline_itself_have_a_title_beside_their_name(scene: World) -> None:
    for name in ("asking", "pushed", "vllm"):
        turn = Collection("scoring", name, "posted to burnline", scene.now, 0.1, ok=True)
        scene.app.turns["scoring", name, "posted to burnline", True] = turn

    page = browser(scene.app).get("/services/scoring").text

    assert re.search(r"who asks too much <code[^>]*>asking</code>", page)
    assert re.search(r"posted numbers <code[^>]*>pushed</code>", page)
    assert '<th scope="row">vllm</th>' in page


# Every page


@pytest.mark.parametrize("path", PATHS)
def test_a_part_is_the_page_without_its_head(breached: World, path: str) -> None:
    client = browser(breached.app)
    whole, part = client.get(path).text, client.get(f"/parts{path}").text

    assert f'hx-get="/parts{path}"' in whole
    assert part.startswith("<title>")
    assert "<html" not in part
    clock = r"\d+m \d+s|\d+s|\d\d:\d\d:\d\d"
    assert re.sub(clock, "", text(part).partition("burnline ")[2]) == re.sub(
        clock, "", text(whole).partition("burnline ")[2]
    )


@pytest.mark.parametrize("path", PATHS)
def test_what_waits_for_a_person_is_on_every_page(breached: World, path: str) -> None:
    page = text(browser(breached.app).get(path).text)

    assert "Waiting for a person" in page
    assert "alias registry.json#champion from 2 to 1" in page
    assert "Approvals 1" in page


@pytest.mark.parametrize("path", PATHS)
def test_while_actions_are_off_every_page_says_so_by_whom_and_why(breached: World, path: str) -> None:
    switch_actions(breached.app.db, "off", actor="ines <b>", reason="a bad deploy", now=breached.now)
    off = text(browser(breached.app).get(path).text)
    switch_actions(breached.app.db, "on", actor="tor", now=breached.now)
    on = text(browser(breached.app).get(path).text)

    assert "Actions are switched off by ines <b> since " in off
    assert "UTC: a bad deploy. No run changes anything." in off
    assert "Actions are switched off" not in on


@pytest.mark.parametrize(
    "path",
    [
        "/services/nope",
        "/services/%3Cscript%3E",
        "/services/" + "x" * 3000,
        "/incidents/999",
        "/nope",
        "/static/nope.js",
    ],
)
def test_what_is_not_there_is_a_readable_404(breached: World, path: str) -> None:
    answer = browser(breached.app).get(path)

    assert answer.status_code == 404
    assert "Not Found" in text(answer.text)
    assert "<script>" not in answer.text


@pytest.mark.parametrize("number", ["0", "-1", str(2**80), "1e3", "one", "%00"])
def test_a_number_that_cannot_be_is_refused_in_words(breached: World, number: str) -> None:
    answer = browser(breached.app).get(f"/incidents/{number}")

    assert answer.status_code == 422
    assert "incident_id" in text(answer.text)


def test_a_broken_template_or_store_is_a_page_too(scene: World) -> None:
    client = browser(scene.app)
    scene.app.db.close()

    answer = client.get("/")

    assert answer.status_code == 503
    assert "the store failed" in text(answer.text)


def test_what_nobody_foresaw_is_a_page_without_a_traceback(scene: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("burnline.app.views.fleet", fail)
    client = Client(scene.app, {"accept": "text/html"}, raises=False)
    page, json = client.get("/"), client.get("/v1/services")

    assert (page.status_code, json.status_code) == (500, 500)
    assert "burnline failed on this; its log says why" in text(page.text)
    assert json.json() == {"error": "burnline failed on this; its log says why"}
    assert "secret" not in page.text + json.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_pages_and_scripts_are_asked_for_again_after_an_upgrade(breached: World) -> None:
    client = browser(breached.app)

    assert {client.get(path).headers["cache-control"] for path in ("/", "/static/console.js")} == {"no-cache"}


@pytest.mark.parametrize("path", [*PATHS, "/nope"])
def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline(breached: World, path: str) -> None:
    answer = browser(breached.app).get(path)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=\"/static/)", answer.text)
    assert not re.search(r"(src|href|action)=\"(https?:)?//", answer.text)


def test_vendored_files_are_what_they_say_they_are() -> None:
    vendor = STATIC / "vendor"
    listed = json.loads((vendor / "vendor.json").read_text())

    assert {each["file"] for each in listed} == {path.name for path in vendor.iterdir()} - {"vendor.json"}
    for each in listed:
        assert hashlib.sha256((vendor / each["file"]).read_bytes()).hexdigest() == each["sha256"]
        assert each["licence"]
        assert each["version"]


def test_numbers_are_written_for_people() -> None:
    assert [percent(value) for value in (1.0, 0.9995, 0.12345, -0.5)] == ["100%", "99.95%", "12.35%", "-50%"]
    assert [percent(0.99999, 4), percent(1.0, 0)] == ["99.999%", "100%"]
    assert [text(rate(value)) for value in (None, 0, 0.00686, 0.0686, 14.4, 1.2345, 720)] == [
        "-",
        "0x",
        "<0.01x",
        "0.07x",
        "14.4x",
        "1.23x",
        "720x",
    ]
    seconds = [0, 0.04, 2.5, 9.96, 59.6, 60, 3599, 3600, 90_061, 86_400 * 400]
    spans = ["0s", "0s", "2.5s", "10s", "1m", "1m", "59m 59s", "1h", "1d 1h", "400d"]
    assert [span(timedelta(seconds=each)) for each in seconds] == spans
    assert [text(delta(timedelta(seconds=each))) for each in (-2, 0, 75)] == ["-2s", "0s", "+1m 15s"]
