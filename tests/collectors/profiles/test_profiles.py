"""The profiles as files: each is read strictly, and says nothing that burnline does not measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.collectors.profiles.load import FOLDER, NAMES, load_profile, read_profile
from burnline.collectors.profiles.model import Profile
from burnline.errors import SpecError

START = """\
title: Test
page: http://h/metrics
covers: "1"
source: here
recognise: {must: [a]}
"""


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_can_be_read(name: str) -> None:
    assert isinstance(load_profile(name), Profile)


def test_every_file_is_a_profile_that_a_service_file_may_name() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_quantity_is_made_of_something_and_bounds_rise(name: str) -> None:
    profile = load_profile(name)

    assert profile.names or not profile.quantities
    assert profile.availability or profile.no_availability or not profile.quantities


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "quantities: {burnline_serving_request_total: {sources: [{series: a}]}}",
            "did you mean 'burnline_serving_requests_total'?",
        ),
        ("quantities: {burnline_serving_requests_total: {sources: []}}", "needs at least 1"),
        ("quantities: {burnline_serving_requests_total: {sources: [{series: 'a{'}]}}", "is not a selector"),
        (
            "quantities: {burnline_serving_requests_total: {sources: [{series: a, unit: hours}]}}",
            "is 'hours'; accepted",
        ),
        ("quantities: {burnline_serving_requests_total: {sources: [{series: a, bounds: [1]}]}}", "has no bounds"),
        ("quantities: {burnline_serving_requests_total: {sources: [{series: a, merge: max}]}}", "only gauges"),
        (
            "quantities: {burnline_serving_queue_duration_seconds: {sources: [{series: a, bounds: [1, 1]}]}}",
            "must rise",
        ),
        ("quantities: {burnline_serving_queue_duration_seconds: {sources: [{series: [a, b]}]}}", "from one series"),
        ("labels: {a: 'b c'}", "labels"),
        ("colour: red", "is no key here"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "test.yaml"
    file.write_text(f"{START}{text}\n")

    with pytest.raises(SpecError, match=r"test\.yaml:\d+: ") as refused:
        read_profile(file)

    assert message in str(refused.value)
