"""Durations, ratios, multiples and names, as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from burnline.spec.units import (
    Name,
    format_duration,
    format_moment,
    parse_duration,
    parse_multiple,
    parse_ratio,
    parse_size,
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("0.5ms", timedelta(microseconds=500)),
        ("30s", timedelta(seconds=30)),
        ("1.5s", timedelta(seconds=1, milliseconds=500)),
        ("5m", timedelta(minutes=5)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("28d", timedelta(days=28)),
        ("4w", timedelta(days=28)),
        ("1y", timedelta(days=365)),
        ("0s", timedelta()),
    ],
)
def test_a_duration_is_numbers_with_units(written: str, meant: timedelta) -> None:
    assert parse_duration(written) == meant


@pytest.mark.parametrize(
    "written", ["", "10", 10, 1.5, True, None, "m", " 1m", "1m ", "-1m", "30m1h", "1m1m", "1 m", "1M", "1e3s", "٣m", []]
)
def test_what_is_no_duration_is_refused_with_the_form(written: Any) -> None:
    with pytest.raises(ValueError, match="is not a duration; write numbers and units, as in 250ms, 30s, 10m"):
        parse_duration(written)


@pytest.mark.parametrize("written", ["101y", "9" * 500 + "y"])
def test_a_duration_past_a_century_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is longer than 100y"):
        parse_duration(written)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=36_000)))
def test_a_duration_written_and_read_is_the_same(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("duration", "written"),
    [
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=30), "30d"),
        (timedelta(milliseconds=1250), "1s250ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(), "0s"),
        (timedelta(minutes=-5), "-5m"),
    ],
)
def test_a_duration_is_written_as_short_as_it_is_exact(duration: timedelta, written: str) -> None:
    assert format_duration(duration) == written


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("99.9%", 0.999),
        ("0.999", 0.999),
        (0.999, 0.999),
        (1e-05, 1e-05),
        ("5%", 0.05),
        (1, 1.0),
        (0, 0.0),
        ("100%", 1.0),
    ],
)
def test_a_ratio_is_a_percentage_or_a_number(written: Any, meant: float) -> None:
    assert parse_ratio(written) == meant


@pytest.mark.parametrize("written", ["", "%", "99,9%", "99.9 %", "high", True, None, "nan", [], "٩%"])
def test_what_is_no_ratio_is_refused_with_the_form(written: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a ratio; write a percentage as in 99\.9%, or a number from 0 to 1"):
        parse_ratio(written)


@pytest.mark.parametrize("written", ["101%", "-1%", -0.1, float("nan"), float("inf"), 10**400])
def test_a_ratio_outside_its_range_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match=r"is outside 0% to 100%$"):
        parse_ratio(written)


def test_a_forgotten_percent_sign_is_pointed_out() -> None:
    with pytest.raises(ValueError, match=r"99.9 is outside 0% to 100%; did you mean 99.9%\?"):
        parse_ratio(99.9)


@given(st.integers(0, 100_000))
def test_a_percentage_is_the_nearest_number_to_what_was_written(thousandths: int) -> None:
    written = f"{thousandths // 1000}.{thousandths % 1000:03d}%"

    assert parse_ratio(written) == float(f"{thousandths}e-5")


def test_a_multiple_is_a_number_and_x() -> None:
    assert parse_multiple("1.5x") == 1.5


@pytest.mark.parametrize("written", ["1.5", 2, "x", "0x", "-1x", "1,5x", None])
def test_what_is_no_multiple_is_refused_with_the_form(written: Any) -> None:
    with pytest.raises(ValueError, match=r"is not a multiple; write a positive number and x, as in 1\.5x"):
        parse_multiple(written)


def test_a_size_is_a_number_and_a_binary_unit() -> None:
    assert (parse_size("512KiB"), parse_size("4GiB")) == (524_288, 4_294_967_296)


@pytest.mark.parametrize("written", ["512", 512, "1GB", "0MiB", "-1MiB", "1.5GiB", "1 GiB", "MiB", None])
def test_what_is_no_size_is_refused_with_the_form(written: Any) -> None:
    with pytest.raises(ValueError, match="is not a size; write a number and KiB, MiB or GiB, as in 512MiB"):
        parse_size(written)


@pytest.mark.parametrize("name", ["a", "card-fraud", "gpu_0", "7b", "x" * 63])
def test_a_name_is_safe_as_a_label_and_a_file_name(name: str) -> None:
    assert TypeAdapter(Name).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "Card", "a b", "-a", "a-", "../etc", "x" * 64, "ä", "a\n", 7])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


def test_a_moment_names_its_day_only_when_that_is_not_today() -> None:
    at = datetime(2026, 1, 5, 19, 12, 51, tzinfo=timezone(timedelta(hours=1)))

    assert format_moment(at, at + timedelta(hours=1)) == "18:12:51 UTC"
    assert format_moment(at, at + timedelta(days=1)) == "2026-01-05 18:12:51 UTC"
