"""Times in the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from burnline.store.schema import EPOCH, Utc

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
DIALECT = sqlite.dialect()


def kept(moment: datetime) -> int:
    value = Utc().process_bind_param(moment, DIALECT)
    assert value is not None
    return value


@given(MOMENTS)
def test_a_moment_comes_back_to_the_microsecond(moment: datetime) -> None:
    assert Utc().process_result_value(kept(moment), DIALECT) == moment


@given(MOMENTS, MOMENTS)
def test_moments_sort_as_they_happened(one: datetime, other: datetime) -> None:
    assert (kept(one) < kept(other)) == (one < other)


def test_another_time_zone_is_kept_as_the_same_moment() -> None:
    berlin = timezone(timedelta(hours=2))

    assert kept(datetime(1970, 1, 1, 2, 0, 1, tzinfo=berlin)) == 1_000_000


def test_no_moment_stays_none() -> None:
    assert Utc().process_bind_param(None, DIALECT) is None
    assert Utc().process_result_value(None, DIALECT) is None


def test_the_epoch_is_zero() -> None:
    assert kept(EPOCH) == 0
