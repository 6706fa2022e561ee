"""Pages that real programs answered, through their profiles: what was sent to them is what is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.collectors.page import parse_page
from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.collectors.profiles.reading import lacks, own_series
from burnline.collectors.profiles.recognise import families, recognise
from burnline.events import Sample

PAGES = Path(__file__).parent / "recorded"
EVERY = sorted(path.stem for path in PAGES.glob("*.txt"))


def profile_of(page: str) -> str:
    """The longest name of a profile that the page's begins with; FastAPI's page is plain HTTP."""
    return "http" if page == "fastapi" else max((name for name in NAMES if page.startswith(name)), key=len)


def text(page: str) -> str:
    return (PAGES / f"{page}.txt").read_text()


def made(page: str) -> list[Sample]:
    read = load_profile(profile_of(page))
    return own_series(read, parse_page(text(page), read.names), collector="page")


def total(page: str, name: str) -> float | None:
    found = [sample.value for sample in made(page) if sample.name == f"burnline_{name}"]
    return sum(found) if found else None


@pytest.mark.parametrize("page", EVERY)
def test_a_page_says_what_it_was_recorded_from(page: str) -> None:
    assert text(page).startswith("# Recorded from ")


@pytest.mark.parametrize("page", EVERY)
def test_a_page_is_recognised_as_what_it_is(page: str) -> None:
    first, *_ = recognise(families(text(page)))

    assert first.name == profile_of(page)


@pytest.mark.parametrize("page", [page for page in EVERY if not page.startswith("postgres")])
def test_a_page_lacks_nothing(page: str) -> None:
    read = load_profile(profile_of(page))

    assert lacks(read, text(page), parse_page(text(page), read.names)) == ()


@pytest.mark.parametrize(
    ("page", "requests", "errors", "timed"),
    [
        ("envoy", 45, 3, 45),
        ("bentoml", 33, 2, 33),
        ("ray-serve", 44, 3, 44),
        ("dynamo", 23, 1, 23),  # who asks for a model that is not there is no failure of the server
        ("vllm", 33, 2, 30),  # as many as the engine finished
        ("sglang", 31, None, 30),
        ("fastapi", 33, 2, 33),
        ("kserve", None, None, 32),
    ],
)
def test_what_was_sent_is_what_is_read(page: str, requests: int | None, errors: int | None, timed: int) -> None:
    assert total(page, "serving_requests_total") == requests
    assert total(page, "serving_errors_total") == errors
    assert total(page, "serving_request_duration_seconds_count") == timed


@pytest.mark.parametrize(("page", "seconds"), [("envoy", 1.58), ("ray-serve", 0.39), ("dynamo", 2.29)])
def test_durations_are_in_seconds(page: str, seconds: float) -> None:
    assert total(page, "serving_request_duration_seconds_sum") == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize("page", ["vllm", "sglang"])
def test_an_engine_of_language_models_says_how_full_it_is(page: str) -> None:
    assert total(page, "serving_running_requests") == 3
    assert total(page, "serving_waiting_requests") == 2
    assert total(page, "serving_kv_cache_usage_ratio") == 0.41
    assert total(page, "serving_prompt_tokens_total") == 3000


@pytest.mark.parametrize("page", ["rabbitmq", "rabbitmq-per-object"])
def test_a_queue_of_rabbitmq_is_read_from_either_page(page: str) -> None:
    assert total(page, "queue_messages_ready") == 5
    assert total(page, "queue_messages_inflight") == 0
    assert total(page, "queue_consumers") == 0


def test_the_sum_over_all_queues_is_taken_for_no_queue() -> None:
    assert made("rabbitmq-totals") == []


def test_redis_says_what_waits_and_what_is_held() -> None:
    assert total("redis-exporter", "queue_messages_ready") == 5
    assert total("redis-exporter", "queue_messages_inflight") == 2
    assert total("redis-exporter-replica", "storage_replication_up") == 1


def test_an_exporter_too_old_for_the_lag_of_a_replica_is_told_apart_from_no_lag() -> None:
    read = load_profile("postgres-exporter")

    (lack,) = lacks(read, text("postgres-exporter"), parse_page(text("postgres-exporter"), read.names))

    assert lack.quantity == "burnline_storage_replication_lag_seconds"
    assert "0.12" in lack.shown_by
    assert total("postgres-exporter", "storage_replication_lag_seconds") is None
