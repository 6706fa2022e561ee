"""Profiling tables of any size: exact, in bounded memory, and the same whatever they are read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.columns import Coded
from burnline.detectors.profile import Category, Number, Reference
from burnline.detectors.profiling import build, quantiles
from burnline.detectors.profiling.build import Roles, build_profile, profile_table
from burnline.detectors.profiling.frequencies import Frequencies
from burnline.detectors.profiling.kept import Kept, design_effect
from burnline.detectors.profiling.quantiles import Spool, select
from burnline.detectors.tables.blocks import Table
from burnline.detectors.tables.open import open_table
from burnline.errors import SpecError
from tests.detectors.samples import answers, draw

ROWS = 3000
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def table(seed: int = 1, rows: int = ROWS) -> dict[str, list[Any]]:
    rng = np.random.default_rng(seed)
    said, sure = answers(rng, rows)
    return {**draw(rng, rows), "id": [f"id-{at}" for at in range(rows)], "said": said, "sure": sure}


def write_csv(path: Path, columns: Mapping[str, list[Any]]) -> Table:
    rows = zip(*columns.values(), strict=True)
    cells = (",".join("" if value is None else str(value) for value in row) for row in rows)
    path.write_text("\n".join([",".join(columns), *cells]) + "\n")
    return open_table(str(path))


def write_parquet(path: Path, columns: Mapping[str, Any]) -> Table:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table(dict(columns)), path)
    return open_table(str(path))


def whole(columns: dict[str, list[Any]]) -> Reference:
    said, sure = columns.pop("said"), columns.pop("sure")
    return build_profile(columns, said, sure, name="t")


ROLES = Roles("said", "sure")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_gives_the_profile_of_its_columns(tmp_path: Path, kind: str) -> None:
    write = write_csv if kind == "csv" else write_parquet

    made = profile_table(write(tmp_path / f"train.{kind}", table()), ROLES, name="t")

    expected = whole(table())
    assert made.features == expected.features
    assert made.prediction == expected.prediction
    assert made.confidence == expected.confidence
    assert made.columns == {"prediction": "said", "confidence": "sure"}


def test_a_table_that_memory_has_no_room_for_gives_the_same_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burnline.detectors.tables.csv.BLOCK", 500)
    monkeypatch.setattr(build, "IN_MEMORY", 0)
    monkeypatch.setattr(build, "LEAST_ROOM", 64)
    monkeypatch.setattr(quantiles, "IN_MEMORY", 500)
    monkeypatch.setattr(quantiles, "CHUNK", 333)

    made = profile_table(write_csv(tmp_path / "train.csv", table()), ROLES, name="t")

    assert made.features == whole(table()).features
    assert made.confidence == whole(table()).confidence


@given(st.lists(FLOATS, min_size=1, max_size=60), st.integers(1, 10))
@settings(max_examples=60)
def test_order_statistics_are_those_of_the_sorted_numbers(values: list[float], parts: int) -> None:
    ranks = sorted({0, len(values) // 3, len(values) // 2, len(values) - 1})

    found = select(lambda: np.array_split(np.array(values), parts), ranks)

    assert found.tolist() == [sorted(values)[rank] for rank in ranks]


def test_a_spool_gives_back_what_it_was_given_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "numbers", room=10)

    for start in range(0, 100, 7):
        spool.add(np.arange(start, min(start + 7, 100), dtype=np.float64))

    assert np.concatenate(list(spool.chunks())).tolist() == list(range(100))
    assert spool.size == 100


@pytest.mark.parametrize("room", [1, 10, 10_000])
def test_labels_are_counted_exactly_with_and_without_room(tmp_path: Path, room: int) -> None:
    rng = np.random.default_rng(3)
    drawn = [("\ud800" if at % 5 == 0 else "\0") + str(at) for at in rng.zipf(1.5, 3000).tolist()]
    labels = Frequencies(tmp_path / "labels", room)

    for start in range(0, 3000, 100):
        labels.add(Counter(drawn[start : start + 100]))

    times = [(label, count) for label, count in Counter(drawn).items() if count > 1]
    assert labels.repeated(20) == sorted(times, key=lambda each: (-each[1], each[0]))[:20]
    assert labels.total == 3000


@pytest.mark.parametrize("by_session", [False, True])
def test_which_rows_are_kept_does_not_depend_on_how_they_are_read(by_session: bool) -> None:
    numbers, sessions = np.arange(1000.0), [f"s{at // 5}" for at in range(1000)]
    at_once, in_parts = Kept(200), Kept(200)

    at_once.add(1000, {"x": numbers}, sessions if by_session else None)
    for start in range(0, 1000, 13):
        part = slice(start, start + 13)
        in_parts.add(len(numbers[part]), {"x": numbers[part]}, sessions[part] if by_session else None)

    assert at_once.column("x") == in_parts.column("x")
    assert 0 < at_once.rows <= 200


def test_sessions_are_kept_whole() -> None:
    kept = Kept(300)

    kept.add(1000, {"s": [at // 5 for at in range(1000)]}, [at // 5 for at in range(1000)])

    assert set(Counter(kept.column("s")).values()) == {5}


def test_kept_values_are_plain_and_none_where_missing() -> None:
    kept = Kept(10)

    kept.add(3, {"n": np.array([1.0, np.nan, 2.0]), "c": Coded(np.array([0, -1, 0]), ["a"]), "l": ["x", None, True]})

    assert kept.column("n") == [1.0, None, 2.0]
    assert kept.column("c") == ["a", None, "a"]
    assert kept.column("l") == ["x", None, True]


@pytest.mark.parametrize(("size", "alike"), [(5, 0.3), (10, 0.6), (50, 0.3)])
def test_the_design_effect_is_that_of_clusters_of_one_correlation(size: int, alike: float) -> None:
    """A row repeats its session's cell with probability sqrt(alike): 1 + (size - 1) alike."""
    rng, sessions = np.random.default_rng(5), 4000
    common = np.repeat(rng.integers(0, 20, sessions), size)
    own = rng.integers(0, 20, sessions * size)
    cells = np.where(rng.random(sessions * size) < np.sqrt(alike), common, own)

    found = design_effect(cells, np.repeat(np.arange(sessions), size))

    assert found == pytest.approx(1 + (size - 1) * alike, rel=0.08)


def test_independent_rows_have_a_design_effect_of_one() -> None:
    rng = np.random.default_rng(6)

    assert design_effect(rng.integers(0, 20, 20_000), np.arange(20_000) // 10) == pytest.approx(1, abs=0.05)
    assert design_effect(np.zeros(100, np.intp), np.arange(100) // 10) == 1


def test_a_profile_knows_how_alike_the_rows_of_a_session_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    visits = [f"v{at // 10}" for at in range(ROWS)]
    columns = {"own": rng.normal(size=ROWS).tolist(), "theirs": np.repeat(rng.normal(size=ROWS // 10), 10).tolist()}

    made = profile_table(write_csv(tmp_path / "t.csv", {**columns, "visit": visits}), Roles(session="visit"), name="t")
    plain = build_profile(columns, name="t")

    assert made.design_effect == pytest.approx(10, rel=0.02)
    assert plain.design_effect == 1
    assert list(made.features) == ["own", "theirs"]


def test_labels_give_the_calibration_and_performance_of_the_model(tmp_path: Path) -> None:
    columns = table()
    columns["truth"] = [said if at % 10 else "other" for at, said in enumerate(columns["said"])]

    made = profile_table(write_csv(tmp_path / "t.csv", columns), Roles("said", "sure", "truth"), name="t")

    assert made.performance is not None
    assert (made.performance.events, made.performance.wrong) == (ROWS, ROWS / 10)
    assert made.calibration is not None
    assert made.columns["label"] == "truth"


@pytest.mark.parametrize("kind", ["csv", "fixed", "lists"])
def test_embeddings_are_read_from_lists_and_from_their_json(tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    vectors = np.random.default_rng(8).normal(size=(400, 3)).astype(np.float32).tolist()
    if kind == "csv":
        lines = "\n".join(f'"{vector}"' for vector in vectors)
        (tmp_path / "t.csv").write_text(f"vector\n{lines}\n")
        source = open_table(str(tmp_path / "t.csv"))
    else:
        form = pa.list_(pa.float32(), 3) if kind == "fixed" else pa.list_(pa.float32())
        source = write_parquet(tmp_path / "t.parquet", {"vector": pa.array(vectors, form)})

    made = profile_table(source, Roles(embedding="vector"), name="t")

    assert made.embedding is not None
    assert (made.embedding.dimension, made.embedding.rows) == (3, 400)


@pytest.mark.parametrize(
    ("columns", "roles", "said"),
    [
        ({"v": ["[1]"] * 300 + ["[1, 2]"]}, Roles(embedding="v"), "embedding: one has 1 numbers, another 2"),
        ({"v": ["[1]"] * 300 + ["far"]}, Roles(embedding="v"), "embedding: 'far' is no list of numbers"),
        ({"v": ["[1]"] * 3}, Roles(embedding="v"), "3 rows with an embedding; needs 256"),
        ({"x": [1, 2], "s": ["a", "b"]}, Roles(session="s"), "session: 2 different ones; needs 30"),
        ({"x": [1, 2], "l": ["a", "b"]}, Roles(label="l"), "label: is of no use without the column of predictions"),
        ({"x": [1, 2]}, Roles(session="visit"), "visit: no such column; there is x"),
        ({"x": [1, 2]}, Roles(ignore=("visit",)), "visit: no such column; there is x"),
        ({"x": [1, 2]}, Roles(confidence="x"), "confidence: from 1.0 to 2.0; needs numbers from 0 to 1"),
    ],
)
def test_a_column_that_cannot_be_what_it_is_said_to_be_is_named(
    tmp_path: Path, columns: dict[str, list[Any]], roles: Roles, said: str
) -> None:
    (tmp_path / "t.csv").write_text("")
    source = write_parquet(tmp_path / "t.parquet", columns)

    with pytest.raises(SpecError, match=said) as raised:
        profile_table(source, roles, name="t")

    assert raised.value.problems[0].file == source.name


def test_moments_decimals_and_truth_values_of_parquet_have_a_defined_kind(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")

    from decimal import Decimal

    source = write_parquet(
        tmp_path / "t.parquet",
        {
            "at": pa.array([datetime(2026, 1, 5, 12, tzinfo=UTC), None]),
            "day": pa.array([date(1970, 1, 2), date(1970, 1, 3)]),
            "price": pa.array([Decimal("1.50"), None]),
            "yes": pa.array([True, None]),
            "whole": pa.array([2**62, None]),
            "city": pa.array(["Oslo", None]).dictionary_encode(),
            "empty": pa.array([None, None]),
        },
    )

    features = profile_table(source, Roles(), name="t").features

    numbers = {name: (column.low, column.high) for name, column in features.items() if isinstance(column, Number)}
    moment = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()
    assert numbers == {
        "at": (moment, moment),
        "day": (86_400.0, 172_800.0),
        "price": (1.5, 1.5),
        "whole": (2.0**62, 2.0**62),
        "empty": (None, None),
    }
    assert {name for name, column in features.items() if isinstance(column, Category)} == {"yes", "city"}
    assert [column.missing for column in features.values()] == [1, 0, 1, 1, 1, 1, 2]


def test_moments_of_pandas_are_read_to_the_microsecond_and_those_that_cannot_be_name_their_column(
    tmp_path: Path,
) -> None:
    pa = pytest.importorskip("pyarrow")
    fine = pa.array([1_767_614_400_123_456_789, None], pa.timestamp("ns"))
    moments = write_parquet(tmp_path / "t.parquet", {"at": fine})
    times = write_parquet(tmp_path / "u.parquet", {"clock": pa.array([1, None], pa.time64("ns"))})

    column = profile_table(moments, Roles(), name="t").features["at"]

    assert isinstance(column, Number)
    assert (column.low, column.missing) == (1_767_614_400.123456, 1)
    with pytest.raises(SpecError, match=r"u.parquet: clock: cannot be read as Parquet"):
        profile_table(times, Roles(), name="u")


def test_a_column_of_lists_is_no_feature(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    source = write_parquet(tmp_path / "t.parquet", {"many": [[1.0], [2.0]]})

    with pytest.raises(SpecError, match=r"many: mixes numbers with \[1.0\]; write all numbers or all text"):
        profile_table(source, Roles(), name="t")


def test_a_file_that_is_no_parquet_says_so(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "t.parquet").write_text("age\n1\n")

    with pytest.raises(SpecError, match=r"t.parquet: cannot be read as Parquet"):
        open_table(str(tmp_path / "t.parquet"))


@pytest.mark.parametrize(
    ("query", "url", "said"),
    [
        ("select x from nowhere", "sqlite://", "query: the database refuses: no such table: nowhere"),
        ("create table t (x)", "sqlite://", "query: the database refuses: attempt to write a readonly database"),
        ("select 1 as x, 2 as x", "sqlite://", "query: needs to give distinct column names"),
        ("select 1", "nowhere", "query: the database refuses"),
        ("select 1", "mysql://user:secret@nowhere/x", "query: the database needs the Python package"),
    ],
)
def test_a_query_that_cannot_be_asked_says_why_and_no_password(query: str, url: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as raised:
        open_table(query, database=url)

    assert "secret" not in str(raised.value)


def test_a_query_is_profiled_as_it_is_answered() -> None:
    query = "select value as x, case when value % 2 then 'odd' end as kind from generate_series(1, 100)"
    numbers = "with recursive generate(value) as (select 1 union all select value + 1 from generate where value < 100) "
    source = open_table(numbers + query.replace("generate_series(1, 100)", "generate"), database="sqlite://")

    made = profile_table(source, Roles(), name="t")

    assert made.events == 100
    assert made.features["x"].cells[:20] == (5,) * 20
    assert made.features["kind"].missing == 50


@pytest.mark.parametrize("written", ["iso", "seconds", "milliseconds"])
def test_hours_of_the_day_have_shares_of_their_own(tmp_path: Path, written: str) -> None:
    seconds = [1_767_571_200 + 1800 * at for at in range(480)]  # half-hours from 2026-01-05 00:00 UTC on
    factor = 1000 if written == "milliseconds" else 1
    at = [datetime.fromtimestamp(each, UTC).isoformat() if written == "iso" else each * factor for each in seconds]
    night = [each % 86_400 < 21_600 for each in seconds]
    columns: dict[str, list[Any]] = {"load": [1.0 if each else 5.0 for each in night], "at": at}

    made = profile_table(write_csv(tmp_path / "t.csv", columns), Roles(time="at", slots="hour-of-day"), name="t")

    assert made.slots is not None
    assert made.slots.events == (20,) * 24
    assert [hour.index(20) for hour in made.slots.features["load"]] == [1] * 6 + [3] * 18
    assert list(made.features) == ["load"]


def test_a_moment_that_is_none_is_named(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"x": [1.0, 2.0], "at": ["2026-01-05", "soon"]}

    with pytest.raises(SpecError, match="time: 'soon' is no moment; needs ISO 8601, or seconds since 1970"):
        profile_table(write_csv(tmp_path / "t.csv", columns), Roles(time="at", slots="hour-of-day"), name="t")
