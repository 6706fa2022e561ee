"""One signal: what it comes from, since when, of whom; on a page and for programs. Names in it are anybody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from burnline.app.wiring import build
from burnline.events import Cell, Contributor, Counts, Finding, Verdict
from burnline.settings import Settings
from burnline.spec.signals import SignalsSpec
from burnline.store import pages, signals
from burnline.store.incidents import start_incident
from burnline.store.schema import finding, release
from tests.app.scenes import Client, browser, row, text
from tests.flow.world import World

WINDOW = timedelta(seconds=10)
PAGE = "/services/scoring/signals/drift"
HOSTILE = "<script>alert(1)</script>\x1b[2J"
CELLS = (Cell("up to 3", 0.5, 0.1), Cell("above 3", 0.45, 0.9), Cell("missing", 0.05, 0.0))


def tell(scene: World, *verdicts: Verdict, part: str = "", **changed: Any) -> None:
    """Record findings on the windows that have closed by now, the newest last."""
    for ago, verdict in zip(range(len(verdicts), 0, -1), verdicts, strict=True):
        start = scene.now - ago * WINDOW
        known: dict[str, Any] = {
            "verdict": verdict,
            "score": None if verdict is Verdict.NO_DATA else {"ok": 0.01, "alarm": 0.4}[verdict],
            "counts": Counts(0, 0) if verdict is Verdict.NO_DATA else Counts(160.0, 400),
            "reason": "1 of 3 features drifted, amount most",
            "contributors": (Contributor("amount", 0.4, "90.0% of its values are above 3", CELLS, {"psi": 0.71}),),
            "part": part,
        }
        found = Finding("scoring", "drift", start, start + WINDOW, **{**known, **changed})
        scene.app.db.write(lambda tx, found=found: signals.record_finding(tx, found))  # type: ignore[misc]  # mypy cannot infer it


def test_the_page_says_what_drifted_since_when_and_shows_both_shapes(scene: World) -> None:
    tell(scene, Verdict.OK, Verdict.ALARM, Verdict.NO_DATA, Verdict.ALARM)

    page = browser(scene.app).get(PAGE)

    assert page.status_code == 200
    said = text(page.text)
    assert "drift ▲ alarm" in said
    assert "1 of 3 features drifted, amount most" in said
    assert "in alarm since" in said
    assert "for 30s" in said
    assert "score 40% , alarm over 5%" in said, said
    assert row(page.text, "above 3").split() == ["above", "3", "45%", "90%"]
    assert "psi 0.71" in said
    assert "The tallest bar is 90% of the events." in said
    assert 'class="frame"' not in page.text
    assert page.text.count('class="gained"') == 1
    assert page.text.count("<polyline") == 1, "a window without data interrupts the line"
    assert page.text.count('class="point"') == 1, "and what stands alone after it is a point"


def test_an_alarm_that_stands_shows_its_last_window_when_the_newest_has_no_data(scene: World) -> None:
    tell(scene, Verdict.OK, Verdict.ALARM)
    scene.now += 2 * WINDOW
    tell(scene, Verdict.NO_DATA, Verdict.NO_DATA, reason="no events in the window", contributors=())

    page, told = browser(scene.app).get(PAGE), Client(scene.app).get(f"/v1{PAGE}").json()

    said = text(page.text)
    assert "drift ? no data no events in the window ▲ The alarm stands" in said
    assert "score 40% , bad 160 of 400 events: 1 of 3 features drifted, amount most" in said
    assert "What it came from in the last window in alarm, until" in said
    assert row(page.text, "above 3").split() == ["above", "3", "45%", "90%"]
    assert "90% then, 45% in the reference" in page.text
    assert "Now" not in said
    assert (told["verdict"], told["score"], told["contributors"]) == ("no_data", None, [])
    last, window = told["last_alarm"], told["history"][1]
    assert (last["start"], last["end"], last["score"]) == (window["start"], window["end"], 0.4)
    assert (last["bad"], last["total"], last["reason"]) == (160, 400, "1 of 3 features drifted, amount most")
    assert last["contributors"][0]["cells"][1] == {"what": "above 3", "reference": 0.45, "live": 0.9}


def test_no_alarm_is_shown_that_is_over_or_that_the_newest_window_tells_of_itself(scene: World) -> None:
    for verdicts in ([Verdict.ALARM, Verdict.OK, Verdict.NO_DATA], [Verdict.NO_DATA], [Verdict.NO_DATA, Verdict.ALARM]):
        scene.app.db.write(lambda tx: tx.execute(finding.delete()))
        tell(scene, *verdicts)

        assert Client(scene.app).get(f"/v1{PAGE}").json()["last_alarm"] is None
        assert "The alarm stands" not in browser(scene.app).get(PAGE).text


def test_the_service_leads_to_the_page(scene: World) -> None:
    tell(scene, Verdict.OK)

    assert f'<a href="{PAGE}">drift</a>' in browser(scene.app).get("/services/scoring").text


def test_the_service_and_the_fleet_say_which_signals_are_in_alarm_and_what_their_state_is_of(scene: World) -> None:
    calm = [browser(scene.app).get(path).text for path in ("/", "/services/scoring")]
    tell(scene, Verdict.ALARM)

    fleet, service = (browser(scene.app).get(path).text for path in ("/", "/services/scoring"))

    assert not any("in alarm" in text(page) for page in calm)
    assert "▲ 1 signal in alarm" in text(fleet)
    assert "▲ 1 signal in alarm : drift . The state above is that of the SLOs" in text(service)
    assert service.count(f'<a href="{PAGE}">drift</a>') == 2


def test_windows_without_data_end_no_alarm_on_the_service_and_the_fleet(scene: World) -> None:
    tell(scene, Verdict.ALARM, Verdict.NO_DATA)

    fleet, service = (text(browser(scene.app).get(path).text) for path in ("/", "/services/scoring"))
    told = Client(scene.app).get("/v1/services/scoring").json()

    assert "▲ 1 signal in alarm" in fleet
    assert "▲ 1 signal in alarm : drift" in service
    assert "? no data ▲ the alarm stands" in service
    assert [(each["verdict"], each["stands"]) for each in told["signals"] if each["name"] == "drift"] == [
        ("no_data", True)
    ]


def test_a_silent_signal_says_since_when_and_why(scene: World) -> None:
    tell(scene, Verdict.OK, Verdict.OK, *[Verdict.NO_DATA] * 3, reason="no events in the window.", contributors=())
    began = scene.now - 3 * WINDOW

    fleet, service, page = (text(browser(scene.app).get(path).text) for path in ("/", "/services/scoring", PAGE))
    told = Client(scene.app).get("/v1/services/scoring").json()

    assert "? 1 signal without data" in fleet
    since = f"since {began:%Y-%m-%d %H:%M:%S} UTC"
    banner = service[service.index("? 1 signal without data") :]
    assert banner.startswith(f"? 1 signal without data , the longest {since} : drift ."), banner
    assert "Why: no events in the window . No data is not health." in banner, banner
    assert f"no data {since} , for 30s" in page, page
    (drift,) = (each for each in told["signals"] if each["name"] == "drift")
    assert datetime.fromisoformat(drift["silent_since"]) == began


def test_a_window_or_two_with_too_few_events_are_no_silence(scene: World) -> None:
    tell(scene, Verdict.OK, Verdict.NO_DATA, Verdict.NO_DATA)

    pages = [text(browser(scene.app).get(path).text) for path in ("/", "/services/scoring")]

    assert not any("without data" in page for page in pages)
    assert "no data since" not in text(browser(scene.app).get(PAGE).text)


def test_a_signal_that_never_had_data_is_silent_from_its_first_window_on(scene: World) -> None:
    tell(scene, *[Verdict.NO_DATA] * 4)

    assert f"no data since {scene.now - 4 * WINDOW:%Y-%m-%d %H:%M:%S}" in text(browser(scene.app).get(PAGE).text)
    assert "1 signal without data" in text(browser(scene.app).get("/services/scoring").text)


@pytest.mark.parametrize("verdicts", [[Verdict.NO_DATA], [Verdict.ALARM, Verdict.OK, Verdict.NO_DATA]])
def test_an_alarm_that_is_over_does_not_stand(scene: World, verdicts: list[Verdict]) -> None:
    tell(scene, *verdicts)

    assert "in alarm" not in text(browser(scene.app).get("/services/scoring").text)


def test_an_alarm_of_a_service_given_up_long_ago_does_not_stand(scene: World) -> None:
    tell(scene, Verdict.ALARM)
    scene.now += 300 * WINDOW
    tell(scene, Verdict.NO_DATA)

    assert "in alarm" not in text(browser(scene.app).get("/services/scoring").text)


def test_what_is_wrong_with_some_events_stands_in_a_frame_of_all(scene: World) -> None:
    wrong = Contributor("amount", 0.2, "24.9% of its values are missing", (Cell("missing", 0.0, 0.249),))
    tell(scene, Verdict.ALARM, contributors=(wrong,))

    page = browser(scene.app).get(PAGE).text

    assert "The frame is 100 % of the events. missing 0% → 24.9%" in text(page)
    assert 'class="frame"' in page


def test_before_the_first_window_nothing_is_known(scene: World) -> None:
    page, told = browser(scene.app).get(PAGE), Client(scene.app).get(f"/v1{PAGE}").json()

    assert "? no data" in text(page.text)
    assert "none has closed yet" in text(page.text)
    assert (told["verdict"], told["score"], told["at"], told["history"]) == ("no_data", None, None, [])


def test_versions_and_slices_are_listed_by_name(scene: World) -> None:
    tell(scene, Verdict.OK)
    tell(scene, Verdict.ALARM, part="version=7", reason="worse")
    tell(scene, Verdict.OK, Verdict.OK, part="country=DE")

    page, told = browser(scene.app).get(PAGE), Client(scene.app).get(f"/v1{PAGE}").json()

    assert "▲ alarm" in row(page.text, "version=7")
    assert "● ok" in row(page.text, "country=DE")
    assert [(part["name"], part["verdict"], part["events"]) for part in told["parts"]] == [
        ("country=DE", "ok", 400),
        ("version=7", "alarm", 400),
    ]


def test_the_service_names_the_versions_of_its_events_where_nothing_says_which_one_serves(scene: World) -> None:
    tell(scene, Verdict.OK)
    known = browser(scene.app).get("/services/scoring").text
    scene.app.db.write(lambda tx: tx.execute(release.delete()))
    unknown = browser(scene.app).get("/services/scoring").text
    for part in ("version=8", "version=8/others", "version=9", "country=DE"):
        tell(scene, Verdict.OK, part=part)

    page, told = browser(scene.app).get("/services/scoring").text, Client(scene.app).get("/v1/services/scoring").json()

    assert "by its events" not in known
    assert "version not known" in text(unknown)
    assert "version 8, 9 by its events" in text(page)
    assert (told["version"], told["told"]) == ("", ["8", "9"])


def test_in_silence_the_versions_of_the_last_events_are_named(scene: World) -> None:
    scene.app.db.write(lambda tx: tx.execute(release.delete()))
    tell(scene, Verdict.OK, part="version=8")
    scene.now += 3 * WINDOW
    tell(scene, Verdict.OK, part="version=9")
    scene.now += 3 * WINDOW
    tell(scene, Verdict.NO_DATA, contributors=())

    page = browser(scene.app).get("/services/scoring").text

    assert "version 9 by its events" in text(page)


def test_a_program_gets_the_same(scene: World) -> None:
    tell(scene, Verdict.OK, Verdict.ALARM)

    told = Client(scene.app).get(f"/v1{PAGE}").json()

    assert (told["verdict"], told["score"], told["limit"], told["window_seconds"]) == ("alarm", 0.4, 0.05, 10)
    assert [window["verdict"] for window in told["history"]] == ["ok", "alarm"]
    assert told["since"] == told["history"][1]["start"]
    assert told["contributors"][0]["cells"][1] == {"what": "above 3", "reference": 0.45, "live": 0.9}
    assert told["contributors"][0]["shown"] == {"psi": 0.71}


def test_names_of_features_cells_and_slices_are_text_and_nothing_else(scene: World) -> None:
    odd = Contributor(HOSTILE, 0.4, HOSTILE, (Cell(HOSTILE, 0.5, 0.6),), {HOSTILE: 1.0})
    tell(scene, Verdict.ALARM, contributors=(odd,), reason=HOSTILE)
    tell(scene, Verdict.ALARM, part=f"country={HOSTILE}", reason=HOSTILE)

    page = browser(scene.app).get(PAGE)

    assert "<script>alert" not in page.text
    assert "\x1b" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


@pytest.mark.parametrize("name", ["confidence", "nothing", "../drift", "slos"])
def test_a_signal_that_the_service_does_not_ask_for_is_not_there(scene: World, name: str) -> None:
    page, told = (
        client.get(path)
        for client, path in (
            (browser(scene.app), f"/services/scoring/signals/{name}"),
            (Client(scene.app), f"/v1/services/scoring/signals/{name}"),
        )
    )

    assert page.status_code == told.status_code == 404


def draw(scene: World, html: bytes = b"<script>fetch('/v1/services')</script>") -> int:
    """A page of the newest window; its time in the address."""
    start = (scene.now - WINDOW).replace(microsecond=0)
    scene.app.db.write(lambda tx: pages.save_page(tx, "scoring", "drift", start, WINDOW, html))
    return int(start.timestamp())


def test_what_a_library_drew_is_served_in_a_sandbox(scene: World) -> None:
    tell(scene, Verdict.ALARM)
    start = draw(scene)
    client = browser(scene.app)

    page = client.get(f"{PAGE}/pages/{start}")

    assert f'href="{PAGE}/pages/{start}"' in client.get(PAGE).text
    assert page.content == b"<script>fetch('/v1/services')</script>"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_a_window_without_a_page_is_not_found(scene: World) -> None:
    for start in ("0", "-1", str(10**30)):
        assert browser(scene.app).get(f"{PAGE}/pages/{start}").status_code == 404
    assert browser(scene.app).get("/services/nobody/signals/drift/pages/0").status_code == 404
    assert "Drawn by the library" not in browser(scene.app).get(PAGE).text


def test_an_incident_leads_to_what_a_library_drew_before_it_and_during_it(scene: World) -> None:
    before, long_before = draw(scene), (scene.now - timedelta(days=1)).replace(microsecond=0)
    scene.app.db.write(lambda tx: pages.save_page(tx, "scoring", "drift", long_before, WINDOW, b"old"))
    opened = scene.app.db.write(lambda tx: start_incident(tx, service="scoring", title="drift", now=scene.now))

    page = browser(scene.app).get(f"/incidents/{opened.id}")

    assert f'href="{PAGE}/pages/{before}"' in page.text
    assert page.text.count("/pages/") == 1


def test_a_signal_of_ones_own_has_its_pages_before_its_detector_is_installed(tmp_path: Path) -> None:
    head = "apiVersion: burnline/v1\nservice: plain\nowner: team\n"
    (tmp_path / "plain.yaml").write_text(head + "signals: {custom: {nights: {engine: night-shift, window: 1m}}}\n")
    app = build(Settings(database=f"sqlite:///{tmp_path}/b.db", services=tmp_path / "plain.yaml"))
    paths = ("/", "/services/plain", "/services/plain/signals/nights", "/v1/services/plain/signals/nights")
    told = [browser(app).get(path) for path in paths]
    app.stop()

    assert [each.status_code for each in told] == [200] * len(paths)
    assert told[-1].json()["limit"] is None


def test_the_limit_is_the_one_that_the_score_is_compared_with() -> None:
    wanted = SignalsSpec.model_validate({"drift": {}, "hallucination": {}, "outliers": {}, "data": {}})

    assert wanted.limit("drift") == 0.05
    assert {wanted.limit(name) for name in ("hallucination", "outliers", "data")} == {0.0}


def test_an_incident_leads_to_the_signals_that_were_in_alarm(scene: World) -> None:
    scene.app.db.write(lambda tx: start_incident(tx, service="scoring", title="drift", now=scene.now))
    tell(scene, Verdict.OK, Verdict.ALARM)

    page = browser(scene.app).get("/incidents/1").text

    assert f'<a href="{PAGE}">drift</a>' in page
    assert "1 of 3 features drifted, amount most" in row(page, "drift")
