"""Every format gives the same batch for the same events, and refuses what is wrong in the same way."""

from __future__ import annotations

import json
import math
import os
import signal
import struct
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burnline.collectors.predictions import events as prediction_events
from burnline.collectors.predictions import msgpack_body as prediction_msgpack
from burnline.collectors.predictions.arrow import ArrowWorker
from burnline.collectors.predictions.events import Asked, Decoded, Known
from burnline.collectors.predictions.formats import decoder_of
from burnline.collectors.predictions.rules import Rules
from burnline.errors import PayloadError, PayloadTooLarge, PayloadUnsupported
from tests.collectors.formats import (
    ARROW,
    FORMS,
    HERE,
    MSGPACK,
    NDJSON,
    PARQUET,
    SERVICE,
    columns,
    envelope,
    file,
    packed,
    stream,
    table,
)

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KNOWN: Known = {SERVICE: Rules(frozenset({"amount", "country", "new", "hour"})), "ranking": Rules()}
EVENTS: list[dict[str, Any]] = [
    {
        "features": {"amount": 12.5, "country": "DE", "new": True},
        "prediction": "fraud",
        "confidence": 0.93,
        "id": "a-1",
    },
    {
        "features": {"amount": None, "country": "é😀", "new": False},
        "prediction": "fine",
        "confidence": 0.5,
        "id": "a-2",
    },
    {"features": {"amount": 3, "country": None, "new": None}, "prediction": None, "confidence": None, "id": "a-3"},
    {"features": {"amount": -1e300, "country": "", "new": True}, "prediction": "fine", "confidence": 1, "id": "a-4"},
]
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)


def read(kind: str, body: bytes, known: Known = KNOWN, asked: Asked = HERE) -> Decoded:
    return decoder_of(kind)(body, known, asked)


def same(decoded: Decoded) -> tuple[Any, ...]:
    """What must be equal whatever the format."""
    return (
        decoded.service,
        decoded.version,
        decoded.features,
        decoded.prediction,
        decoded.confidence,
        decoded.unknown,
        decoded.ids,
        decoded.at,
        list(decoded.places),
        len(decoded.refused),
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_same_events_give_the_same_batch_in_every_format(form: str) -> None:
    kind, write = FORMS[form]
    expected = read("application/json", json.dumps(envelope(EVENTS)).encode())

    decoded = read(kind, write(EVENTS))

    assert same(decoded) == same(expected)
    assert decoded.features["amount"] == [12.5, None, 3.0, -1e300]
    assert decoded.features["hour"] == [None] * 4
    assert decoded.ids == ["a-1", "a-2", "a-3", "a-4"]


NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "features": st.fixed_dictionaries({"amount": NUMBERS, "country": TEXTS, "new": st.none() | st.booleans()}),
            "prediction": TEXTS,
            "confidence": st.none() | st.floats(0, 1),
            "id": st.none() | st.text("abc0", min_size=1, max_size=5),
            "at": st.none() | st.floats(1.7e9, 1.8e9),
        }
    ),
    min_size=1,
    max_size=12,
)


@fuzz
@given(ROWS)
def test_any_events_give_the_same_batch_in_every_format(rows: list[dict[str, Any]]) -> None:
    found = {form: same(read(kind, write(rows))) for form, (kind, write) in FORMS.items()}

    assert all(each == found["json rows"] for each in found.values())


@pytest.mark.parametrize("form", [form for form in FORMS if "json" not in form])
def test_nan_is_missing_where_a_format_can_write_it(form: str) -> None:
    kind, write = FORMS[form]
    rows = [
        {"features": {"amount": 1.5}, "prediction": math.nan, "confidence": 0.5},
        {"features": {"amount": math.nan}, "prediction": 2.0, "confidence": math.nan},
    ]

    decoded = read(kind, write(rows))

    assert decoded.refused == []
    assert (decoded.features["amount"], decoded.prediction, decoded.confidence) == (
        [1.5, None],
        [None, 2.0],
        [0.5, None],
    )


@pytest.mark.parametrize("form", [form for form in FORMS if "json" not in form])
def test_an_infinity_costs_its_event(form: str) -> None:
    kind, write = FORMS[form]
    rows = [{"features": {"amount": value}} for value in (1.0, math.inf, -math.inf, 2.0)]

    decoded = read(kind, write(rows))

    assert decoded.features["amount"] == [1.0, 2.0]
    assert list(decoded.places) == [0, 3]
    assert [refusal.index for refusal in decoded.refused] == [1, 2]
    assert {refusal.field.rpartition(".")[2] for refusal in decoded.refused} == {"amount"}
    assert "Infinity" in decoded.refused[0].reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ({"confidence": 1.5}, "confidence", "<= 1.0"),
        ({"features": {"amount": 1.0, "country": "x" * 1025}}, "country", "length <= 1024"),
        ({"features": {"amount": 1.0, "country": "a\0b"}}, "country", "NUL"),
        ({"prediction": "\0"}, "prediction", "NUL"),
        ({"id": ""}, "id", "length >= 1"),
        ({"id": "x" * 201}, "id", "length <= 200"),
    ],
)
def test_what_is_wrong_costs_its_event_in_every_format(
    form: str, wrong: dict[str, Any], field: str, reason: str
) -> None:
    kind, write = FORMS[form]
    good = {"features": {"amount": 1.0, "country": "DE"}, "prediction": "fine", "confidence": 0.5, "id": "x"}

    decoded = read(kind, write([good, {**good, **wrong}, good]))

    (refusal,) = decoded.refused
    assert (len(decoded), refusal.index, refusal.field.rpartition(".")[2]) == (2, 1, field)
    assert reason in refusal.reason
    assert list(decoded.places) == [0, 2]


@pytest.mark.parametrize("form", FORMS)
def test_unknown_features_are_dropped_and_counted_in_every_format(form: str) -> None:
    kind, write = FORMS[form]

    decoded = read(kind, write([{"features": {"amount": 1.0, "iban": "x", "tax": 2.0}}]))

    assert decoded.features.keys() == {"amount", "country", "new", "hour"}
    assert decoded.unknown == [2]
    assert set(decoded.strangers) == {"iban", "tax"}


@pytest.mark.parametrize("form", ["ndjson", "arrow stream", "parquet"])
def test_a_format_without_an_envelope_needs_the_service_in_the_url(form: str) -> None:
    kind, write = FORMS[form]

    with pytest.raises(PayloadError, match=r"no service is named; name it in the URL: \?service=NAME"):
        read(kind, write(EVENTS), asked=Asked())


def test_the_url_may_not_name_another_service_than_the_body() -> None:
    body = json.dumps(envelope(EVENTS)).encode()

    with pytest.raises(PayloadError, match="the URL names 'ranking'"):
        read("application/json", body, asked=Asked("ranking"))


@pytest.mark.parametrize(
    "kind", ["text/csv", "application/json; charset=latin-1", "", "application/x-ndjson; charset=x"]
)
def test_another_content_type_is_refused_with_those_there_are(kind: str) -> None:
    with pytest.raises(PayloadUnsupported, match=r"send application/json in UTF-8, or one of .*parquet"):
        decoder_of(kind)


# NDJSON


def test_a_bad_line_costs_itself_and_empty_lines_are_nothing() -> None:
    body = b'\n{"features": {"amount": 1}}\n\n{"features"\r\n{"features": {"amount": NaN}}\n{"features": {"amount": 2}}'

    decoded = read(NDJSON, body)

    assert decoded.features["amount"] == [1.0, 2.0]
    assert [refusal.index for refusal in decoded.refused] == [1, 2]
    assert list(decoded.places) == [0, 3]


def test_half_a_character_in_a_line_becomes_the_replacement_character() -> None:
    assert read(NDJSON, rb'{"features": {"country": "\ud83d"}}').features["country"] == ["�"]


def test_more_lines_than_a_batch_may_have_are_refused() -> None:
    with pytest.raises(PayloadTooLarge, match="send at most 100,000"):
        read(NDJSON, b"{}\n" * 100_001)


# MessagePack


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x91" * 1_000_000,
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({"service": SERVICE}),
        msgspec.msgpack.encode({"service": SERVICE, "events": 3}),
        msgspec.msgpack.encode({"service": SERVICE, "events": [], "colour": 1}),
    ],
)
def test_msgpack_that_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        read(MSGPACK, body, asked=Asked())


@pytest.mark.parametrize("length", [b"\xdd\xff\xff\xff\xff", b"\xdd" + (100_001).to_bytes(4, "big")])
def test_an_array_that_says_it_is_too_long_is_refused_before_it_is_read(length: bytes) -> None:
    body = b"\x82\xa7service\xaacard-fraud\xa6events" + length + b"\xc0" * 100_001

    with pytest.raises(PayloadError) as caught:
        read(MSGPACK, body, asked=Asked())

    assert isinstance(caught.value, PayloadTooLarge) or "truncated" in str(caught.value)


def test_rows_of_too_many_values_are_refused_while_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_events, "MAX_VALUES", 50)
    monkeypatch.setattr(prediction_msgpack, "MAX_VALUES", 50)
    rows = [{"features": {f"f{n}": 1 for n in range(10)}}] * 6

    with pytest.raises(PayloadTooLarge, match="more than 50 values"):
        read(MSGPACK, msgspec.msgpack.encode({"service": "ranking", "events": rows}), asked=Asked())


@pytest.mark.parametrize("value", [b"\xc4\x01a", b"\xc7\x01\x05\x00", b"\x91\xc0", b"\x80", b"\xa1\xff"])
def test_a_value_that_is_none_costs_its_event(value: bytes) -> None:
    head = b"\x82\xa7service\xaacard-fraud\xa6events\x92"
    body = head + b"\x81\xa8features\x81\xa6amount" + value + b"\x81\xa8features\x81\xa6amount\x01"

    decoded = read(MSGPACK, body, asked=Asked())

    assert (decoded.features["amount"], decoded.refused[0].field) == ([1.0], "features.amount")


def test_numbers_of_32_bits_and_their_nan_are_read() -> None:
    single = b"\xca" + struct.pack(">f", 0.5)
    nan = b"\xca" + struct.pack(">f", math.nan)
    body = (
        b"\x83\xa7service\xaacard-fraud\xa7columns\x81\xa6amount\x92"
        + single
        + nan
        + b"\xaaconfidence\x92"
        + nan
        + single
    )

    decoded = read(MSGPACK, body, asked=Asked())

    assert (decoded.features["amount"], decoded.confidence) == ([0.5, None], [None, 0.5])


@fuzz
@given(st.binary(max_size=200), st.integers(0, 5))
def test_arbitrary_msgpack_is_a_batch_or_a_refusal(noise: bytes, at: int) -> None:
    good = msgspec.msgpack.encode(columns(EVENTS))
    for body in (noise, good[: at * 20] + noise + good[at * 20 :]):
        try:
            decoded = read(MSGPACK, body, asked=Asked())
        except PayloadError:
            continue
        assert {len(column) for column in decoded.features.values()} == {len(decoded)}


# Arrow and Parquet


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([1, None], pa.int8()), [1.0, None]),
        (pa.array([2**63, 0], pa.uint64()), [2.0**63, 0.0]),
        (pa.array([0.5, None], pa.float32()), [0.5, None]),
        (pa.array(["1.25", None]).cast(pa.decimal128(5, 2)), [1.25, None]),
        (pa.array([True, None]), [True, None]),
        (pa.array([None, None], pa.null()), [None, None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array([2.5, math.nan])), [2.5, None]),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8())), [1.0, None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_every_type_of_value_is_read(array: pa.Array, expected: list[Any]) -> None:
    assert read(ARROW, stream(pa.table({"amount": array}))).features["amount"] == expected


@pytest.mark.parametrize(
    "array",
    [
        pa.array([b"x"]),
        pa.array([[1]]),
        pa.array([{"a": 1}]),
        pa.array([NOW]),
        pa.array([NOW.date()]),
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16], pa.binary(16))),
    ],
    ids=lambda array: str(array.type),
)
def test_a_column_of_another_type_is_named(array: pa.Array) -> None:
    with pytest.raises(PayloadError, match=r"column 'amount' is .*, which is not a number, a text, true or false"):
        read(ARROW, stream(pa.table({"amount": array})))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_any_unit_are_read(unit: str, zone: str | None) -> None:
    at = pa.array([1_767_614_400, None]).cast(pa.timestamp("s")).cast(pa.timestamp(unit, tz=zone))

    decoded = read(PARQUET, packed(pa.table({"amount": [1.0, 2.0], "at": at})))

    assert decoded.at == [1_767_614_400.0, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("far", [2**62, -(2**62)])
def test_a_time_that_is_far_away_does_not_wrap_around(unit: str, far: int) -> None:
    at = pa.array([far], pa.timestamp(unit))

    decoded = read(ARROW, stream(pa.table({"amount": [1.0], "at": at})))

    seconds = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]
    assert decoded.at == [pytest.approx(far / seconds)]


def test_whole_numbers_are_ids() -> None:
    decoded = read(ARROW, stream(pa.table({"amount": [1.0], "id": [2**60 + 1]})))

    assert decoded.ids == [2**60 + 1]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_buffers_are_read(compression: str) -> None:
    sink = pa.BufferOutputStream()
    found = table(EVENTS)
    with pa.ipc.new_stream(sink, found.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(found)

    assert len(read(ARROW, sink.getvalue().to_pybytes())) == 4


def bomb(rows: int) -> pa.Table:
    """Columns that compress to almost nothing."""
    return pa.table({f"f{n}": pa.array([0.0] * rows) for n in range(3)})


def test_a_table_of_too_many_rows_is_refused() -> None:
    with pytest.raises(PayloadTooLarge, match="send at most 100,000"):
        read(PARQUET, packed(bomb(100_001)))
    with pytest.raises(PayloadTooLarge, match="send at most 100,000"):
        read(ARROW, stream(bomb(100_001)))


def test_a_table_of_too_many_values_is_refused() -> None:
    wide = pa.table({f"f{n}": pa.array([0.0] * 1000) for n in range(4001)})

    with pytest.raises(PayloadTooLarge, match="more than 4,000,000 values"):
        read(PARQUET, packed(wide))


def test_a_parquet_bomb_of_text_is_refused_in_bounded_memory() -> None:
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 90_000, pa.int32()), pa.array(["x" * 1_000_000]))
    for body, kind in ((packed(pa.table({"country": long})), PARQUET), (stream(pa.table({"country": long})), ARROW)):
        assert len(body) < 6_000_000

        with pytest.raises(PayloadTooLarge, match=r"MiB of values|memory"):
            read(kind, body)


def test_an_arrow_bomb_is_refused_in_bounded_memory() -> None:
    sink = pa.BufferOutputStream()
    found = pa.table({"country": pa.array(["x" * 1_400_000_000])})
    with pa.ipc.new_stream(sink, found.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(found)
    body = sink.getvalue().to_pybytes()
    assert len(body) < 1_000_000

    with pytest.raises(PayloadError, match=r"memory|cannot be read"):
        read(ARROW, body)

    assert len(read(ARROW, stream(table(EVENTS)))) == 4, "the next table is read"


def test_two_columns_of_one_name_are_refused() -> None:
    twice = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["amount", "amount"])

    with pytest.raises(PayloadError, match="two columns have the same name"):
        read(ARROW, stream(twice))


def test_nothing_may_stand_beside_a_struct_of_features() -> None:
    with pytest.raises(PayloadError, match="column 'amount' stands beside features"):
        read(ARROW, stream(pa.table({"features": [{"hour": 1.0}], "amount": [1.0]})))


@fuzz
@given(st.sampled_from(["arrow stream", "arrow file", "parquet"]), st.data())
def test_damaged_tables_are_a_batch_or_a_refusal(form: str, data: st.DataObject) -> None:
    kind, write = FORMS[form]
    body = bytearray(write(EVENTS))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))

    try:
        decoded = read(kind, bytes(body[: cut or None]))
    except PayloadError:
        return

    assert {len(column) for column in decoded.features.values()} == {len(decoded)}


@pytest.mark.parametrize("body", [b"", b"PAR1", b"ARROW1\0\0", b"x" * 100, file(table(EVENTS))[:-10]])
@pytest.mark.parametrize("kind", [ARROW, PARQUET])
def test_what_is_no_table_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(PayloadError, match="the table cannot be read"):
        read(kind, body)


def test_a_reader_that_dies_costs_one_table_and_the_next_one_is_read() -> None:
    worker = ArrowWorker()
    body = stream(table(EVENTS))
    first = worker.convert(b"S", body)
    assert worker._process is not None
    os.kill(worker._process.pid, signal.SIGSEGV)
    worker._process.wait()

    again = worker.convert(b"S", body)

    worker.close()
    assert again == first


def test_a_reader_that_hangs_is_ended_at_the_deadline() -> None:
    worker = ArrowWorker(("/bin/sleep", "60"))

    with pytest.raises(PayloadTooLarge, match=r"could not be read in 0\.2 s"):
        worker.convert(b"S", b"x" * 1_000_000, deadline_seconds=0.2)

    worker.close()


def test_a_reader_that_falls_over_is_a_refusal() -> None:
    worker = ArrowWorker(("/bin/sh", "-c", "exit 3"))

    with pytest.raises(PayloadError, match="its reader ended with 3"):
        worker.convert(b"S", b"x" * 1_000_000)

    worker.close()
