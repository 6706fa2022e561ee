"""What the API, the console and the command line show of periods, maintenance, policies, members and dependencies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from burnline.app.commands import status_table
from burnline.app.slo_views import hues
from burnline.app.wiring import App, build
from burnline.events import Collection, Sample
from burnline.settings import Settings
from tests.app.scenes import browser, text

MINUTE = timedelta(minutes=1)
FILE = """
apiVersion: burnline/v1
service: shop
owner: team
slos:
  - {{name: availability, objective: 99.9%, window: {{calendar: year, tz: Europe/Berlin}},
     sli: {{ratio: {{bad: failed_total, total: all_total}}}}}}
  - {{name: latency, objective: 95%, window: 30d, sli: {{ratio: {{bad: slow_total, total: all_total}}}},
     depends_on: [availability, payments/availability],
     tiers: [page-fast, {{name: mine, severity: page, long: 2h, factor: 2}}]}}
  - {{name: both, objective: 99%, window: 30d, sli: {{composite: {{weighted: {{availability: 2, latency: 1}}}}}}}}
exclude:
  - {{from: "{start}", to: "{end}", reason: "{{{{ 7 * 7 }}}} <b>move</b>", slos: [latency]}}
  - {{from: "{later}", for: 2h, reason: next release}}
budget_policy: [{{left: 99.9999%, do: freeze_releases}}]
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A service after a quarter of an hour in which one request in fifty failed, by the clock that the API reads."""
    folder: Path = tmp_path_factory.mktemp("shop")
    now = datetime.now(UTC)
    times = {"start": now - 4 * MINUTE, "end": now + 60 * MINUTE, "later": now + timedelta(days=2)}
    written = {name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items()}
    (folder / "shop.yaml").write_text(FILE.format(**written))
    (folder / "payments.yaml").write_text(
        "apiVersion: burnline/v1\nservice: payments\nowner: team\nslos: [{name: availability, objective: 99%, "
        "window: 30d, sli: {ratio: {bad: failed_total, total: all_total}}}]\n"
    )
    app = build(Settings(database=f"sqlite:///{folder}/b.db", services=folder))
    for minute in range(16):
        counts = {"all_total": 100.0 * minute, "failed_total": 2.0 * minute, "slow_total": 5.0 * minute}
        samples = tuple(Sample(name, {}, value) for name, value in counts.items())
        at = now - (15 - minute) * MINUTE
        app.engine.observe(Collection("shop", "scrape", "http://shop/metrics", at, 0.1, True, samples))
    app.engine.run_once(now)
    yield app
    app.stop()


def test_programs_read_periods_maintenance_policy_and_members(shop: App) -> None:
    found = browser(shop).get("/v1/services/shop").json()
    availability, latency, both = found["slos"]

    assert availability["window"] == "year (Europe/Berlin)"
    assert datetime.fromisoformat(availability["resets_at"]) > datetime.now(UTC)
    assert latency["excluded"].endswith("UTC: {{ 7 * 7 }} <b>move</b>")
    assert latency["depends_on"] == ["availability", "payments/availability"]
    assert both["together"] == "weighted"
    assert [(each["name"], each["weight"]) for each in both["members"]] == [("availability", 2), ("latency", 1)]
    assert [(each["now"], each["slos"]) for each in found["exclusions"]] == [(True, ["latency"]), (False, [])]
    assert found["policy"]["releases"] == "frozen"
    assert browser(shop).get("/v1/services/payments").json()["policy"] is None


def test_a_page_shows_them_and_only_where_they_are(shop: App) -> None:
    client = browser(shop)
    page = client.get("/services/shop").text
    seen, plain = text(page), text(client.get("/services/payments").text)

    assert "99.9% per year (Europe/Berlin), whole again 20" in seen
    assert "releases frozen" in seen
    assert "Releases frozen by the error-budget policy: availability has " in seen
    assert "{{ 7 * 7 }} <b>move</b> . Nothing of latency counts." in seen
    assert "<b>move" not in page
    assert "next release" in seen
    assert 'depends on <a href="/services/shop#availability">availability</a>, <a href="/services/payments#' in page
    assert "Weighted State SLI Weight availability" in seen
    assert not [word for word in ("Maintenance", "releases", "per year", "Weighted", "depends") if word in plain]


def test_the_fleet_says_which_service_may_not_release(shop: App) -> None:
    assert "team · releases: frozen" in text(browser(shop).get("/").text)


def test_the_command_line_says_the_same(shop: App, capsys: pytest.CaptureFixture[str]) -> None:
    services = json.loads(browser(shop).get("/v1/services").text)

    Console(width=400).print(status_table(services))
    seen = capsys.readouterr().out

    assert "Budget of this year (Europe/Berlin): whole again 20" in seen
    assert "Taken together, weighted: availability (" in seen
    assert "Releases are frozen: availability has" in seen
    assert "Maintenance now until 20" in seen
    assert "UTC of latency: {{ 7 * 7 }} <b>move</b>." in seen


def test_a_chart_of_every_kind_can_be_asked_for(shop: App) -> None:
    for slo in ("availability", "latency", "both"):
        chart = browser(shop).get(f"/v1/services/shop/slos/{slo}/history?seconds=600").json()
        assert len(chart["at"]) in (9, 10)
        assert chart["burns"][0]["hue"] == "page-fast"
        assert [value for value in chart["budget_remaining"] if value is not None]


def test_tiers_of_their_own_have_the_colours_of_their_severity() -> None:
    assert hues([("page-slow", "page"), ("ticket-fast", "ticket")]) == ["page-slow", "ticket-fast"]
    assert hues([("mine", "page"), ("other", "page"), ("third", "page")]) == ["page-fast", "page-slow", "page-slow"]
    assert hues([("page-fast", "page"), ("mine", "page")]) == ["page-fast", "page-slow"]
