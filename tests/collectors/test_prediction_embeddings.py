"""Embeddings through the door: the same vector in every format, and what is none is refused with its event."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from burnline.collectors.predictions.door import Receipt, accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.rules import Rules
from burnline.errors import PayloadError, PayloadTooLarge
from burnline.events import MAX_DIMENSION
from burnline.store.database import Database
from burnline.store.predictions import next_batches
from tests.collectors.formats import (
    ARROW,
    FORMS,
    HERE,
    JSON,
    MSGPACK,
    PARQUET,
    SERVICE,
    columns,
    envelope,
    packed,
    stream,
)

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
VECTORS: list[list[float] | None] = [[0.5, -1.25, 3.0], None, [0.1, 0.2, 0.3], [1e-40, 0.0, 7.0]]
LISTS = [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 3), pa.list_(pa.float16())]


def rows(vectors: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"features": {"amount": 1.5}, "prediction": "fine", "embedding": vector} for vector in vectors]


def send(db: Database, kind: str, body: bytes, dimension: int = 3) -> Receipt:
    known = {SERVICE: Rules(embedding=dimension)}
    return accept_predictions(db, Sent(body, kind, asked=HERE), now=NOW, known=known)


def kept(db: Database) -> list[bytes | None]:
    return [vector for _, batch in db.write(lambda tx: next_batches(tx, 100)) for vector in batch.embedding]


def floats(vector: Sequence[float] | None) -> bytes | None:
    return None if vector is None else np.array(vector, dtype="<f4").tobytes()


@pytest.mark.parametrize("form", FORMS)
def test_the_same_vectors_are_kept_whatever_the_format(form: str, database: Database) -> None:
    kind, write = FORMS[form]

    receipt = send(database, kind, write(rows(VECTORS)))

    assert (receipt.accepted, receipt.refused_count) == (4, 0)
    assert kept(database) == [floats(vector) for vector in VECTORS]


@pytest.mark.parametrize("of", LISTS, ids=str)
@pytest.mark.parametrize("kind", [ARROW, PARQUET])
def test_lists_of_any_kind_of_number_are_read(kind: str, of: pa.DataType, database: Database) -> None:
    vectors = [[0.5, -1.25, 3.0], None, [8.0, 16.0, 32.0]]
    found = pa.table({"amount": [1.0, 2.0, 3.0], "embedding": pa.array(vectors, of)})

    receipt = send(database, kind, stream(found) if kind == ARROW else packed(found))

    assert receipt.accepted == 3
    assert kept(database) == [floats(vector) for vector in vectors]


def test_a_part_of_a_table_has_its_own_vectors(database: Database) -> None:
    whole = pa.table({"embedding": pa.array([[float(place)] * 3 for place in range(10)], pa.list_(pa.float32(), 3))})

    send(database, ARROW, stream(whole.slice(4, 3)))

    assert kept(database) == [floats([float(place)] * 3) for place in (4, 5, 6)]


def test_bytes_are_vectors_too_base64_in_json_and_plain_in_messagepack(database: Database) -> None:
    vectors = [struct.pack("<3f", 1.5, 2.5, 3.5)] * 2
    body = columns(rows(vectors))

    send(database, MSGPACK, msgspec.msgpack.encode(body))
    send(database, JSON, msgspec.json.encode(body))
    send(database, JSON, msgspec.json.encode(envelope(rows([base64.b64encode(vectors[0]).decode()]))))

    assert kept(database) == vectors + vectors + vectors[:1]


WRONG: list[tuple[Any, str]] = [
    ([1.0, 2.0], "has 2 numbers; the reference's embeddings have 3"),
    ([], "length >= 1"),
    ([1.0, 2.0, "x"], "Expected `float`, got `str`"),
    ([1.0, None, 2.0], "Expected `float`, got"),
    ([1.0, 1e39, 2.0], "beyond any 32-bit float"),
    ("AAAAAA==", "has 1 numbers"),
    ("AAA=", "has 2 bytes; 32-bit floats take 4 each"),
    ("not base64!", "Invalid base64"),
    ({"a": 1}, "Expected"),
    (7, "Expected"),
    ([[1.0, 2.0, 3.0]], "Expected `float`, got `array`"),
    ([0.0] * (MAX_DIMENSION + 1), f"length <= {MAX_DIMENSION}"),
]


@pytest.mark.parametrize(
    ("form", "vector", "reason"),
    [
        (form, vector, reason)
        for form in ("json rows", "json columns", "ndjson", "msgpack rows", "msgpack columns")
        for vector, reason in WRONG
        if "json" in form or not isinstance(vector, str)  # MessagePack has bytes of its own
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_vector_that_is_none_costs_its_event_alone(form: str, vector: Any, reason: str, database: Database) -> None:
    kind, write = FORMS[form]

    receipt = send(database, kind, write(rows([[1.0, 2.0, 3.0], vector, [4.0, 5.0, 6.0]])))

    assert (receipt.accepted, receipt.refused_count) == (2, 1)
    assert receipt.refused[0].index == 1
    assert receipt.refused[0].field.startswith("embedding")
    assert reason in receipt.refused[0].reason
    assert kept(database) == [floats([1.0, 2.0, 3.0]), floats([4.0, 5.0, 6.0])]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e39], ids=str)
@pytest.mark.parametrize("form", [form for form in FORMS if "json" not in form])
def test_a_number_that_is_not_finite_costs_its_event_alone(form: str, value: float, database: Database) -> None:
    kind, write = FORMS[form]

    receipt = send(database, kind, write(rows([[1.0, value, 2.0], [1.0, 2.0, 3.0]])))

    assert receipt.accepted == 1
    assert [(one.index, one.field) for one in receipt.refused] == [(0, "embedding")]
    assert "NaN or infinity" in receipt.refused[0].reason or "beyond" in receipt.refused[0].reason


def test_a_number_that_is_missing_in_a_table_costs_its_event_alone(database: Database) -> None:
    found = pa.table({"embedding": pa.array([[1.0, None, 3.0], [1.0, 2.0, 3.0]], pa.list_(pa.float64()))})

    assert [one.index for one in send(database, ARROW, stream(found)).refused] == [0]


@pytest.mark.parametrize("of", [pa.list_(pa.string()), pa.float64(), pa.list_(pa.list_(pa.float32()))], ids=str)
def test_a_column_that_is_no_list_of_numbers_is_refused_by_its_name(of: pa.DataType, database: Database) -> None:
    found = pa.table({"amount": [1.0], "embedding": pa.array([None], of)})

    with pytest.raises(PayloadError, match=r"'embedding' is .* not a list of numbers"):
        send(database, ARROW, stream(found))


def test_vectors_that_nobody_wants_are_dropped(database: Database) -> None:
    receipt = send(database, JSON, json.dumps(envelope(rows([[1.0], [1.0, 2.0]]))).encode(), dimension=0)

    assert (receipt.accepted, receipt.refused_count) == (2, 0)
    assert kept(database) == []


@pytest.mark.parametrize("form", ["msgpack rows", "msgpack columns", "json rows"])
def test_more_numbers_than_a_batch_may_have_are_refused_as_a_whole(form: str, database: Database) -> None:
    """A thousand vectors of 4,096 zeros: a byte each in MessagePack."""
    kind, write = FORMS[form]

    with pytest.raises(PayloadTooLarge, match="4,000,000 values"):
        send(database, kind, write(rows([[0] * MAX_DIMENSION] * 1000)), MAX_DIMENSION)
