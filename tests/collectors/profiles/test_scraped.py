"""A page scraped with a profile: what was asked for, what is made of it, and what costs nobody anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from burnline.collectors.exposition import families
from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.collectors.runner import Runner
from burnline.collectors.scrape import PROFILE_LIMIT, Scraper
from burnline.events import Collection, Sample
from tests.fakes.engine import serving_page

PAGES = Path(__file__).parent / "pages"
SECOND = timedelta(seconds=1)
Scrape = Callable[..., tuple[list[Sample], Scraper]]
VLLM = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="m",engine="0"} 3
vllm:num_requests_waiting{model_name="m",engine="0"} 1
vllm:unknown_things{model_name="m"} 4
http_requests_total{status="2xx"} 5
"""


@pytest.fixture
def scrape(now: datetime) -> Iterator[Scrape]:
    made: list[Scraper] = []

    def scrape(page: str, *wanted: str, profile: str = "vllm") -> tuple[list[Sample], Scraper]:
        with serving_page(page) as engine:
            scraper = Scraper(
                "chat",
                engine.url,
                wanted=frozenset(wanted),
                interval=SECOND,
                timeout=5 * SECOND,
                name=profile,
                profile=load_profile(profile),
            )
            made.append(scraper)
            return list(scraper.collect(now)), scraper

    yield scrape
    for scraper in made:
        scraper.close()


def names(samples: list[Sample]) -> set[str]:
    return {sample.name for sample in samples}


def test_what_was_asked_for_stands_beside_what_was_made_and_nothing_else(scrape: Scrape) -> None:
    samples, _ = scrape(VLLM, "vllm:num_requests_waiting")

    assert names(samples) == {
        "vllm:num_requests_waiting",
        "burnline_serving_running_requests",
        "burnline_serving_waiting_requests",
        "burnline_serving_requests_total",
        "burnline_serving_errors_total",
    }


def test_a_page_that_calls_its_own_series_by_burnlines_names_is_not_believed(scrape: Scrape) -> None:
    forged = 'burnline_serving_running_requests{service="other"} 99\n'

    samples, _ = scrape(VLLM + forged, "burnline_serving_running_requests")

    (running,) = [sample for sample in samples if sample.name == "burnline_serving_running_requests"]
    assert (running.value, dict(running.labels)) == (3, {"collector": "vllm", "model": "m"})


def test_too_many_series_of_the_profile_cost_only_what_is_made_of_them(scrape: Scrape) -> None:
    many = "".join(f'vllm:num_preemptions_total{{user="{n}"}} 1\n' for n in range(PROFILE_LIMIT + 1))

    samples, scraper = scrape(VLLM + many, "vllm:num_requests_waiting")

    assert names(samples) == {"vllm:num_requests_waiting"}
    (note,) = scraper.notes
    assert note.startswith("nothing was made by the profile: more than 5,000 ")


def test_a_broken_line_of_the_profile_costs_only_what_is_made(scrape: Scrape) -> None:
    samples, scraper = scrape(VLLM + "vllm:num_preemptions_total{ 1\n", "vllm:num_requests_waiting")

    assert names(samples) == {"vllm:num_requests_waiting"}
    assert "not the Prometheus text format" in scraper.notes[0]


def test_what_the_page_lacks_is_noted_and_forgotten_when_it_is_there(scrape: Scrape, now: datetime) -> None:
    _, scraper = scrape(VLLM)
    assert any("vllm:kv_cache_usage_perc" in note for note in scraper.notes)

    scraper._read(VLLM + "vllm:kv_cache_usage_perc 0.5\n")

    assert not any("vllm:kv_cache_usage_perc" in note for note in scraper.notes)


def test_what_is_made_is_passed_on_with_its_service_and_what_is_scraped_is_not(scrape: Scrape, now: datetime) -> None:
    samples, scraper = scrape(VLLM, "vllm:num_requests_waiting")
    turn = Collection("chat", "vllm", "http://h", now, 0.1, True, tuple(samples), made=scraper.made)

    passed = {sample.name: sample.labels for family in families([turn]) for sample in family.samples}

    assert passed["burnline_serving_running_requests"] == {"service": "chat", "collector": "vllm", "model": "m"}
    assert "vllm:num_requests_waiting" not in passed


def test_the_runner_hands_on_what_was_made_and_what_was_not(now: datetime) -> None:
    with serving_page(VLLM) as engine:
        scraper = Scraper(
            "chat", engine.url, wanted=frozenset(), interval=SECOND, timeout=5 * SECOND, profile=load_profile("vllm")
        )
        runner = Runner([scraper], deadline=10 * SECOND)
        (turn,) = runner.run_once(now)
        runner.close()

    assert turn.made == scraper.made
    assert turn.notes == tuple(scraper.notes)
    assert turn.notes


def test_a_page_of_the_prometheus_client_itself(scrape: Scrape) -> None:
    registry = CollectorRegistry()
    requests = Counter("http_requests", "Requests.", ["status", "path"], registry=registry)
    requests.labels("200", "/a").inc(7)
    requests.labels("503", "/b").inc(2)
    Gauge("http_requests_in_progress", "Under way.", registry=registry).set(3)
    duration = Histogram("http_request_duration_seconds", "Duration.", ["path"], registry=registry, buckets=(0.1, 1))
    duration.labels("/a").observe(0.05)
    duration.labels("/b").observe(0.5)

    samples, scraper = scrape(generate_latest(registry).decode(), profile="http")

    found = {
        (sample.name.removeprefix("burnline_serving_"), sample.labels.get("le", "")): sample.value for sample in samples
    }
    assert found == {
        ("requests_total", ""): 9,
        ("errors_total", ""): 2,
        ("running_requests", ""): 3,
        ("request_duration_seconds_bucket", "0.1"): 1,
        ("request_duration_seconds_bucket", "1.0"): 2,
        ("request_duration_seconds_bucket", "+Inf"): 2,
        ("request_duration_seconds_count", ""): 2,
        ("request_duration_seconds_sum", ""): 0.55,
    }
    assert scraper.notes == ()


VALUES = st.sampled_from(["0", "1", "-1", "1e308", "NaN", "+Inf", "-Inf", "1e999", "x"])


@given(data=st.data(), name=st.sampled_from(NAMES))
def test_no_page_trips_a_profile(data: st.DataObject, name: str) -> None:
    profile = load_profile(name)
    metrics = sorted(profile.names)
    lines = data.draw(
        st.lists(
            st.builds(
                lambda metric, suffix, labels, value: f"{metric}{suffix}{labels} {value}",
                st.sampled_from(metrics),
                st.sampled_from(["", "_bucket", "_sum", "_count"]),
                st.sampled_from(
                    ["", '{le="1"}', '{le="+Inf"}', '{le="abc"}', '{status="500"}', '{model_name="\u202e"}', "{"]
                ),
                VALUES,
            ),
            max_size=20,
        )
    )
    scraper = Scraper("s", "http://h/", wanted=frozenset(), interval=SECOND, timeout=SECOND, name=name, profile=profile)

    samples = scraper._read("\n".join(lines))

    scraper.close()
    assert all(abs(sample.value) < float("inf") for sample in samples)


def test_a_page_of_another_engine_is_named_before_what_it_lacks(scrape: Scrape) -> None:
    page = (PAGES / "sglang.txt").read_text()

    _, wrong = scrape(page, profile="vllm")
    _, right = scrape(page, profile="sglang")

    assert wrong.notes[0].startswith("this page is of SGLang (")
    assert wrong.notes[0].endswith("): write `profile: sglang`")
    assert any("the page has no vllm:num_requests_running" in note for note in wrong.notes[1:])
    assert not any("this page is of" in note for note in right.notes)
