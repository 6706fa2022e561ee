"""`burnline check` knows what a profile's page can answer: bucket bounds, units, and series that mislead."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.app.services import load_checked
from burnline.errors import SpecError

HEAD = "apiVersion: burnline/v1\nservice: chat\nowner: team\n"


def found(tmp_path: Path, collect: str, sli: str) -> list[str]:
    file = tmp_path / "chat.yaml"
    file.write_text(f"{HEAD}collect: {collect}\nslos:\n  - {{name: a, objective: 99%, window: 30d, sli: {sli}}}\n")
    try:
        load_checked(file)
    except SpecError as error:
        return [str(problem).partition(": ")[2] for problem in error.problems]
    return []


def latency(histogram: str, below: str) -> str:
    return f"{{latency: {{histogram: '{histogram}', below: {below}}}}}"


VLLM = "[{url: http://h/, profile: vllm}]"
TTFT = "vllm:time_to_first_token_seconds"


def test_a_threshold_that_is_a_bound_is_good(tmp_path: Path) -> None:
    assert found(tmp_path, VLLM, latency(TTFT, "250ms")) == []


def test_a_threshold_that_is_no_bound_names_its_neighbours(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, VLLM, latency(TTFT, "300ms"))

    assert problem.startswith(f"slos[0].sli.latency.below: is 300ms, which is no bucket bound of {TTFT}; nearest: ")
    assert "nearest: 250ms or 500ms; the engine changes them by custom_histogram_buckets" in problem
    assert problem.endswith(f"write them in collect[0].bounds, as in {{'{TTFT}': [0.1, 0.25]}}")


@pytest.mark.parametrize(("below", "nearest"), [("0.5ms", "1ms"), ("1h", "42m40s")])
def test_beyond_the_first_and_last_bound_there_is_one_neighbour(tmp_path: Path, below: str, nearest: str) -> None:
    (problem,) = found(tmp_path, VLLM, latency(TTFT, below))

    assert f"nearest: {nearest};" in problem


def test_bounds_of_ones_own_are_what_counts(tmp_path: Path) -> None:
    pages = f"[{{url: http://h/, profile: vllm, bounds: {{'{TTFT}': [0.3, 1]}}}}]"

    assert found(tmp_path, pages, latency(TTFT, "300ms")) == []
    assert "nearest: 300ms or 1s" in found(tmp_path, pages, latency(TTFT, "500ms"))[0]
    assert found(tmp_path, pages, latency("burnline_serving_time_to_first_token_seconds", "300ms")) == []


def test_burnlines_own_series_have_the_bounds_in_seconds(tmp_path: Path) -> None:
    pages, own = "[{url: http://h/, profile: ray-serve}]", "burnline_serving_request_duration_seconds"

    assert found(tmp_path, pages, latency(own, "500ms")) == []
    assert "nearest: 500ms or 1s" in found(tmp_path, pages, latency(own, "700ms"))[0]


def test_a_page_in_milliseconds_is_promised_on_burnlines_own_series(tmp_path: Path) -> None:
    (problem,) = found(
        tmp_path, "[{url: http://h/, profile: ray-serve}]", latency("ray_serve_http_request_latency_ms", "500ms")
    )

    assert "is in ms, and `below` is compared in seconds; write burnline_serving_request_duration_seconds" in problem


def test_bounds_that_no_duration_can_say_are_promised_on_burnlines_own_series(tmp_path: Path) -> None:
    (problem,) = found(tmp_path, "[{url: http://h/, profile: tgi}]", latency("tgi_request_duration", "500ms"))

    assert "write burnline_serving_request_duration_seconds" in problem


@pytest.mark.parametrize("histogram", ["http_request_duration_seconds", "my_own_seconds"])
def test_a_histogram_whose_bounds_nobody_knows_is_not_judged(tmp_path: Path, histogram: str) -> None:
    assert found(tmp_path, VLLM, latency(histogram, "123ms")) == []
    assert found(tmp_path, "[{url: http://h/}]", latency(histogram, "123ms")) == []


def test_a_histogram_that_another_page_may_have_with_other_bounds_is_not_judged(tmp_path: Path) -> None:
    pages = "[{url: http://h/, profile: dynamo}, {url: http://i/, profile: vllm}]"

    assert found(tmp_path, pages, latency("burnline_serving_time_to_first_token_seconds", "123ms")) == []


@pytest.mark.parametrize(
    ("profile", "sli", "words"),
    [
        ("vllm", "{ratio: {bad: failed_total, total: 'vllm:request_success_total'}}", "use http_requests_total"),
        ("tgi", "{ratio: {good: tgi_request_success, total: tgi_request_count}}", "tgi_request_failure"),
        ("triton", latency("nv_inference_request_duration_us", "100ms"), "--metrics-config histogram_latencies=true"),
        ("torchserve", latency("ts_inference_latency_microseconds", "100ms"), "measure at a gateway"),
    ],
)  # fmt: skip
def test_a_series_that_does_not_mean_what_it_seems_to_is_refused(
    tmp_path: Path, profile: str, sli: str, words: str
) -> None:
    problems = found(tmp_path, f"[{{url: http://h/, profile: {profile}}}, {{url: http://i/, profile: {profile}}}]", sli)

    assert problems
    assert all("is no source for this" in problem and words in problem for problem in problems)


@pytest.mark.parametrize("bounds", ["[]", "[1, 0.5]", "[a]", "1"])
def test_bounds_that_are_none_are_refused_by_field(tmp_path: Path, bounds: str) -> None:
    (problem,) = found(tmp_path, f"[{{url: http://h/, bounds: {{x: {bounds}}}}}]", latency("x", "1s"))

    assert problem.startswith("collect[0].bounds.x")
