"""What burnline measured, as a page and as JSON: every value in a unit that people read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from burnline.app.measured_views import PARTS, ROWS, in_words
from burnline.events import Collection, Sample
from burnline.metrics import business, cost, events, gpu, host, jobs, queues, registry
from burnline.metrics.register import MEASURED
from burnline.spec.business import NumberSpec
from tests.app.scenes import HOSTILE, browser, story, text
from tests.flow.world import World

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[World]:
    with story(tmp_path, seconds=10) as made:
        yield made


def put(scene: World, collector: str, *samples: Sample, service: str = "scoring") -> None:
    turn = Collection(service, collector, "here", scene.now, 0.1, True, samples, measured=True)
    scene.app.turns[service, collector, "here", True] = turn


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("burnline_x_bytes", 3 * 2**30, "3 GiB"),
        ("burnline_x_received_bytes_total", 1536, "1.5 KiB"),
        ("burnline_x_bytes_per_second", 2**20, "1 MiB/s"),
        ("burnline_x_ratio", 0.256, "25.6%"),
        ("burnline_x_seconds", 0.0021, "2.1 ms"),
        ("burnline_x_age_seconds", 5400, "1h30m"),
        ("burnline_x_last_timestamp_seconds", NOW.timestamp() - 90, "1m30s ago"),
        ("burnline_x_last_timestamp_seconds", NOW.timestamp() - 60.1, "1m ago"),
        ("burnline_x_last_timestamp_seconds", NOW.timestamp() + 7200, "in 2h"),
        ("burnline_x_celsius", 64, "64 °C"),
        ("burnline_x_watts", 697.741, "697.7 W"),
        ("burnline_x_hertz", 1.395e9, "1.395 GHz"),
        ("burnline_x_total", 1234567, "1,234,567"),
        ("burnline_x", 0.12345, "0.1235"),
        ("burnline_x", float("nan"), "nan"),
    ],
)
def test_values_are_written_in_the_unit_of_their_name(name: str, value: float, words: str) -> None:
    assert in_words(name, value, NOW) == words


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_no_name_is_without_words(name: str) -> None:
    for value in (0.0, 1.5, 1e18, -1.0):
        assert in_words(name, value, NOW)


def test_numbers_stand_under_the_part_they_belong_to(scene: World) -> None:
    put(scene, "redis", Sample(queues.READY, {"queue": "orders", "backend": "redis_list"}, 7))
    put(scene, "cost", Sample(cost.SPENT, {"currency": "EUR"}, 12.5))

    page = text(browser(scene.app).get("/services/scoring/measured").text)

    assert page.index("Queues 1 row") < page.index("queue orders") < page.index("Cost 1 row") < page.index("12.5")
    assert "What this GPU time cost, in the currency currency ." in page


def test_what_predictions_and_their_labels_gave_stands_together(scene: World) -> None:
    made = (events.LATE, events.UNKNOWN, events.LABELLED, events.UNMATCHED, registry.SERVING_SINCE)
    put(scene, "pushed", *[Sample(name, {}, 1) for name in made])

    parts = browser(scene.app).get("/v1/services/scoring/measured").json()

    assert [part["title"] for part in parts] == ["Predictions", "Releases"]
    assert {family["name"] for family in parts[0]["families"]} == set(made[:-1])


def test_every_name_has_a_part_of_its_own() -> None:
    assert {name.split("_")[1] for name in MEASURED} <= PARTS.keys()


def test_the_label_that_a_sentence_names_is_seen_to_be_one(scene: World) -> None:
    put(scene, "jobs", Sample(jobs.STARTED, {"job": "train"}, 1))

    client = browser(scene.app)

    assert "Runs of the job <code>job</code> that began." in client.get("/services/scoring/measured").text
    assert "Runs of the job {job} that began." in client.get("/v1/services/scoring/measured").text


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_a_sentence_says_what_its_label_is_before_it_names_it(name: str) -> None:
    bare = re.findall(r"\b(?:of|on|for|from|to|in|that|When|when|than) \{(?!per\}|resource\})", MEASURED[name])

    assert bare == [], f"{MEASURED[name]!r} reads badly where the label is code: write `the job {{job}}`"


def test_programs_get_the_values_themselves(scene: World) -> None:
    put(scene, "redis", Sample(queues.READY, {"queue": "orders", "backend": "redis_list"}, 7))

    [part] = [
        each for each in browser(scene.app).get("/v1/services/scoring/measured").json() if each["title"] == "Queues"
    ]

    [number] = part["families"][0]["numbers"]
    assert number == {"labels": "backend redis_list, queue orders", "value": 7.0, "text": "7"}


def test_hosts_are_shown_where_the_service_asks_for_them(scene: World) -> None:
    put(scene, "gpu", Sample(gpu.POWER, {"gpu": "0"}, 300), service="")

    assert "GPUs of this host" not in text(browser(scene.app).get("/services/scoring/measured").text)

    scene.app.specs = tuple(spec.model_copy(update={"collect": ("gpu",)}) for spec in scene.app.specs)
    assert "300 W" in text(browser(scene.app).get("/services/scoring/measured").text)


def test_many_series_of_a_name_are_cut_and_said_to_be(scene: World) -> None:
    put(scene, "redis", *[Sample(queues.READY, {"queue": f"q{n}"}, n) for n in range(ROWS + 5)])

    page = text(browser(scene.app).get("/services/scoring/measured").text)

    assert f"and 5 more of {queues.READY}" in page


def test_what_happened_stands_before_the_zeros_and_is_never_cut(scene: World) -> None:
    zeros = [Sample(queues.READY, {"queue": f"q{n}"}, 0) for n in range(ROWS + 5)]
    put(scene, "redis", *zeros, Sample(queues.READY, {"queue": "late"}, 79))

    page = text(browser(scene.app).get("/services/scoring/measured").text)

    assert page.index("queue late 79") < page.index("queue q0 0")
    assert "and 6 more" in page


def test_of_what_is_up_or_down_the_down_come_first(scene: World) -> None:
    scene.app.specs = tuple(spec.model_copy(update={"collect": ("host",)}) for spec in scene.app.specs)
    put(scene, "host", *[Sample(host.NETWORK_UP, {"interface": each}, each != "eth9") for each in ("eth0", "eth9")])

    page = text(browser(scene.app).get("/services/scoring/measured").text)

    assert page.index("interface eth9 0") < page.index("interface eth0 1")


def test_a_business_number_has_the_unit_of_the_service_file(scene: World) -> None:
    numbers = {"satisfaction": NumberSpec(posted="gauge", unit="points"), "orders": NumberSpec(posted="counter")}
    scene.app.specs = tuple(spec.model_copy(update={"business": numbers}) for spec in scene.app.specs)
    put(
        scene,
        "pushed",
        Sample(business.VALUE, {"number": "satisfaction"}, 41),
        Sample(business.TOTAL, {"number": "orders"}, 7),
    )

    parts = browser(scene.app).get("/v1/services/scoring/measured").json()

    shown = {row["labels"]: row["text"] for part in parts for each in part["families"] for row in each["numbers"]}
    assert shown == {"number satisfaction": "41 points", "number orders": "7"}


def test_what_a_team_sends_over_otlp_is_a_part_of_its_own(scene: World) -> None:
    labels = {"route": "/pay", "service": "scoring"}
    put(
        scene,
        "pushed",
        Sample("pay_wait_seconds_sum", labels, 2),
        Sample("pay_wait_seconds_count", labels, 4),
        Sample("pay_wait_seconds_bucket", {**labels, "le": "1"}, 4),
    )
    put(scene, "scrape", Sample("http_requests_total", {}, 5))

    page = text(browser(scene.app).get("/services/scoring/measured").text)

    assert "OpenTelemetry metrics" in page
    assert "route /pay 500 ms on average, of 4" in page
    assert "http_requests_total" not in page, "what a page holds is on that page"


def test_parts_can_be_jumped_to_and_the_long_ones_are_folded(scene: World) -> None:
    put(
        scene,
        "redis",
        *[Sample(name, {"queue": f"q{n}"}, 1) for name in (queues.READY, queues.CONSUMERS) for n in range(ROWS)],
    )
    put(scene, "cost", Sample(cost.SPENT, {"currency": "EUR"}, 12.5))

    page = browser(scene.app).get("/services/scoring/measured").text

    [one, two] = re.findall(r'<details class="part"( open)?>.*?id="(part-\d)"', page, flags=re.DOTALL)
    assert (one, two) == (("", "part-1"), (" open", "part-2"))
    assert all(f'<a href="#{part}">' in page for _, part in (one, two))
    assert f"Queues {2 * ROWS} rows" in text(page)


def test_hostile_labels_stay_text(scene: World) -> None:
    put(scene, "redis", Sample(queues.READY, {"queue": HOSTILE}, 1))

    page = browser(scene.app).get("/services/scoring/measured").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("path", ["/services/nobody/measured", "/v1/services/nobody/measured"])
def test_nobody_has_measured_nothing(scene: World, path: str) -> None:
    assert browser(scene.app).get(path).status_code == 404


def test_a_service_without_collectors_of_its_own_says_so(scene: World) -> None:
    assert "Nothing yet" in text(browser(scene.app).get("/services/scoring/measured").text)


def test_a_histogram_is_its_mean_and_its_count(scene: World) -> None:
    name = "burnline_serving_request_duration_seconds"
    put(scene, "vllm", Sample(f"{name}_sum", {}, 50), Sample(f"{name}_count", {}, 1000))

    assert "50 ms on average, of 1,000" in text(browser(scene.app).get("/services/scoring/measured").text)
