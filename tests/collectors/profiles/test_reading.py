"""What a profile makes of a page: the first name that is there, in base units, under burnline's own labels."""

from __future__ import annotations

from typing import Any

import pytest

from burnline.collectors.page import parse_page
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.model import Profile
from burnline.collectors.profiles.reading import hints, lacks, own_series
from burnline.metrics import serving

FAILED = [{"series": 'requests{status=~"5.."}', "of": 'requests{status!=""}'}]
TTFT = serving.TIME_TO_FIRST_TOKEN


def profile(**quantities: Any) -> Profile:
    """A profile whose page has `things`, with these quantities; a text is the only series of its only source."""
    return Profile.model_validate(
        {
            "title": "Test",
            "page": "http://h/metrics",
            "covers": "1",
            "source": "here",
            "recognise": {"must": ["things"]},
            "labels": {"model_name": "model"},
            "quantities": {
                f"burnline_serving_{name}": {"sources": [{"series": given}] if isinstance(given, str) else given}
                for name, given in quantities.items()
            },
        }
    )


def made(read: Profile, page: str) -> dict[str, float]:
    """What is made of the page, by name and labels, without the collector's."""
    samples = own_series(read, parse_page(page, read.names), collector="c")
    assert all(sample.labels["collector"] == "c" for sample in samples)
    found = {}
    for sample in samples:
        labels = ",".join(f"{name}={value}" for name, value in sample.labels.items() if name != "collector")
        found[sample.name.removeprefix("burnline_serving_") + (f"[{labels}]" if labels else "")] = sample.value
    return found


def test_series_that_differ_in_other_labels_are_added_up() -> None:
    page = 'run{engine="0",model_name="a"} 1\nrun{engine="1",model_name="a"} 2\nrun{engine="0",model_name="b"} 4\n'

    found = made(profile(running_requests="run"), page)

    assert found == {"running_requests[model=a]": 3, "running_requests[model=b]": 4}


def test_a_share_is_not_added_up_but_the_fullest_counts() -> None:
    read = profile(kv_cache_usage_ratio=[{"series": "kv", "unit": "percent", "merge": "max"}])

    assert made(read, 'kv{rank="0"} 40\nkv{rank="1"} 75\n') == {"kv_cache_usage_ratio": 0.75}


def test_the_newer_name_is_taken_where_both_are_there() -> None:
    read = profile(running_requests=[{"series": "new"}, {"series": "old"}])

    assert made(read, "old 1\nnew 2\n") == {"running_requests": 2}
    assert made(read, "old 1\n") == {"running_requests": 1}


def test_several_series_of_one_source_are_one_quantity() -> None:
    read = profile(requests_total=[{"series": ["ok", "failed"]}])

    assert made(read, "ok 3\nfailed 1\n") == {"requests_total": 4}
    assert made(read, "ok 3\n") == {"requests_total": 3}, "a failure that never happened has no series yet"


def test_no_error_yet_is_zero_errors_where_the_status_is_told() -> None:
    read = profile(errors_total=FAILED)

    assert made(read, 'requests{status="200"} 9\n') == {"errors_total": 0}
    assert made(read, 'requests{status="200"} 9\nrequests{status="500"} 2\n') == {"errors_total": 2}


def test_a_page_that_does_not_tell_the_status_says_nothing_of_errors() -> None:
    read = profile(errors_total=FAILED)

    assert made(read, 'requests{code="500"} 9\n') == {}


def test_a_gauge_of_which_no_series_matches_is_absent_not_zero() -> None:
    read = profile(waiting_requests='requests{type="waiting"}')

    assert made(read, 'requests{type="active"} 9\n') == {}


def test_a_histogram_keeps_its_buckets_in_seconds() -> None:
    read = profile(request_duration_seconds=[{"series": "lat_ms", "unit": "ms"}])
    page = 'lat_ms_bucket{le="250",r="a"} 1\nlat_ms_bucket{le="250.0",r="b"} 2\nlat_ms_bucket{le="+Inf",r="a"} 4\n'

    found = made(read, page + 'lat_ms_sum{r="a"} 1500\nlat_ms_count{r="a"} 4\n')

    assert found == {
        "request_duration_seconds_bucket[le=0.25]": 3,
        "request_duration_seconds_bucket[le=+Inf]": 4,
        "request_duration_seconds_count": 4,
        "request_duration_seconds_sum": 1.5,
    }


@pytest.mark.parametrize(
    "page",
    [
        'lat_bucket{le="1"} 1\nlat_count 1\n',
        'lat_bucket{le="nan"} 1\n',
        'lat_bucket{le="one"} 1\n',
        "lat_bucket 1\n",
        "lat_count 1\nlat_sum 1\n",
    ],
)
def test_half_a_histogram_is_none(page: str) -> None:
    assert made(profile(request_duration_seconds="lat"), page) == {}


def test_a_value_that_leaves_the_numbers_is_left_out() -> None:
    assert made(profile(running_requests="run"), 'run{a="1"} 1.7e308\nrun{a="2"} 1.7e308\n') == {}


def test_what_is_missing_is_told_with_every_name_looked_for_and_what_would_show_it() -> None:
    read = load_profile("vllm")

    words = [str(lack) for lack in lacks(read, "", [])]

    assert (
        "no burnline_serving_kv_cache_usage_ratio: the page has no vllm:kv_cache_usage_perc or "
        "vllm:gpu_cache_usage_perc" in words
    )
    assert any(word.startswith(f"no {TTFT}: ") and "--disable-log-stats" in word for word in words)


def test_what_the_page_declares_and_has_not_counted_yet_is_not_missing() -> None:
    read = profile(requests_total="done_total", prompt_tokens_total="read_total")
    page = "# TYPE done_total counter\n# TYPE read counter\n"

    assert lacks(read, page, []) == ()


def test_what_is_not_expected_is_not_missed() -> None:
    read = profile(requests_total="done_total")
    quantity = read.quantities["burnline_serving_requests_total"].model_copy(update={"expected": False})

    assert lacks(read.model_copy(update={"quantities": {serving.REQUESTS: quantity}}), "", []) == ()


def test_what_is_shown_only_when_asked_for_is_a_hint_by_what_asks_for_it() -> None:
    read = profile(requests_total="done_total", prompt_tokens_total="read_total", running_requests="run")
    quiet = {"expected": False, "shown_by": "start it with --all"}
    quantities = {name: each.model_copy(update=quiet) for name, each in read.quantities.items()}
    asked = read.model_copy(update={"quantities": quantities})

    assert hints(asked, "# TYPE run gauge\n", []) == (
        f"not on the page: {serving.REQUESTS}, {serving.PROMPT_TOKENS}; start it with --all",
    )
    assert hints(read, "", []) == ()
