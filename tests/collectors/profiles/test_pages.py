"""Each engine's page, written from its documentation, through its profile: the numbers by hand, the whole as a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.collectors.page import parse_page
from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.collectors.profiles.reading import lacks, own_series
from burnline.events import Sample
from tests.conftest import Golden

PAGES = Path(__file__).parent / "pages"
GOLDEN = Path(__file__).parent / "golden"
PROFILE = {
    "vllm-0.8": "vllm",
    "triton-tensorrt-llm": "triton",
    "opentelemetry": "http",
    "genai": "http",
    "fastapi": "http",
    "rabbitmq-per-object": "rabbitmq",
    "minio-v3": "minio",
    "qdrant-1.8": "qdrant",
    "postgres-exporter-primary": "postgres-exporter",
    "redis-exporter-replica": "redis-exporter",
}
EVERY = sorted(path.stem for path in PAGES.glob("*.txt"))


def text(page: str) -> str:
    return (PAGES / f"{page}.txt").read_text()


def made(page: str, profile: str = "") -> list[Sample]:
    read = load_profile(profile or PROFILE.get(page, page))
    return own_series(read, parse_page(text(page), read.names), collector="page")


def value(page: str, name: str) -> float:
    (sample,) = (sample for sample in made(page) if sample.name == f"burnline_serving_{name}")
    return sample.value


def test_every_profile_has_a_page() -> None:
    assert {PROFILE.get(page, page) for page in EVERY} == set(NAMES)


@pytest.mark.parametrize("page", EVERY)
def test_every_page_says_that_it_was_not_recorded(page: str) -> None:
    first, *_ = text(page).splitlines()

    assert first.startswith("# Written from ")
    assert first.endswith("not recorded from a running engine.")


@pytest.mark.parametrize("page", EVERY)
def test_what_is_made_of_a_page(page: str, golden: Golden) -> None:
    lines = [
        f"{sample.name}{{{','.join(f'{name}={value!r}' for name, value in sample.labels.items())}}} {sample.value!r}"
        for sample in made(page)
    ]

    golden(GOLDEN / f"{page}.txt", "\n".join(lines) + "\n")


@pytest.mark.parametrize("page", EVERY)
def test_a_whole_page_lacks_nothing(page: str) -> None:
    read = load_profile(PROFILE.get(page, page))

    assert lacks(read, text(page), parse_page(text(page), read.names)) == ()


@pytest.mark.parametrize(
    ("page", "requests", "errors"),
    [
        ("vllm", 1000, 8),  # 980 + 12 + 8 answers
        ("sglang", 2010, 10),
        ("triton", 5012, 5),  # 5000 + 12; of the failures 7 were cancelled
        ("trtllm-serve", 1560, 10),
        ("tgi", 800, 8),  # 20 failures, of which 12 were the caller's
        ("torchserve", 410, 3),
        ("ray-serve", 975, 15),
        ("dynamo", 1200, 10),
        ("bentoml", 713, 4),
        ("envoy", 5000, 20),  # without the admin interface's 301
        ("istio", 8056, 16),  # without the 8100 that this sidecar sent on
        ("opentelemetry", 1000, 10),
    ],
)
def test_requests_and_errors_are_the_engines_own(page: str, requests: float, errors: float) -> None:
    assert value(page, "requests_total") == requests
    assert value(page, "errors_total") == errors


def test_old_and_new_names_of_vllm_give_the_same_series() -> None:
    new, old = ({(s.name, *s.labels.items()): s.value for s in made(page)} for page in ("vllm", "vllm-0.8"))

    rejected = {key for key in new if key[0] == "burnline_serving_rejections_total"}
    assert old == {key: value for key, value in new.items() if key not in rejected}


@pytest.mark.parametrize(("page", "seconds"), [("ray-serve", "0.5"), ("envoy", "0.5"), ("istio", "0.25")])
def test_milliseconds_become_seconds(page: str, seconds: str) -> None:
    bounds = {sample.labels.get("le") for sample in made(page)}

    assert seconds in bounds
    assert "500.0" not in bounds or page != "ray-serve"


def test_microseconds_become_seconds() -> None:
    assert value("triton", "request_seconds_total") == 61.5
    assert value("torchserve", "queue_seconds_total") == 0.82


def test_the_odd_bounds_of_tgi_become_whole_microseconds() -> None:
    bounds = [
        float(s.labels["le"]) for s in made("tgi") if s.name == "burnline_serving_request_duration_seconds_bucket"
    ]

    assert len(bounds) == 36
    assert all(bound == round(bound, 6) for bound in bounds if 1e-3 <= bound < 1e9)


def test_a_profile_on_another_engines_page_makes_nothing_and_says_what_it_looked_for() -> None:
    read = load_profile("sglang")
    page = text("triton")

    samples = list(parse_page(page, read.names))

    assert own_series(read, samples, collector="page") == []
    assert len(lacks(read, page, samples)) == sum(quantity.expected for quantity in read.quantities.values())
