"""The same events in every format that the door takes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from pyarrow import parquet

from burnline.collectors.predictions.events import Asked

Row = Mapping[str, Any]  # features, prediction, confidence, id, at
CHUNK = 3  # rows of one record batch
SERVICE, VERSION = "card-fraud", "7"
BESIDE = ("prediction", "confidence", "id", "at", "embedding")


def envelope(rows: Sequence[Row]) -> dict[str, Any]:
    return {"service": SERVICE, "version": VERSION, "events": rows}


def columns(rows: Sequence[Row]) -> dict[str, Any]:
    """The same rows in columns; what no row has is left out."""
    names = dict.fromkeys(name for row in rows for name in row["features"])
    beside = {name: [row.get(name) for row in rows] for name in BESIDE if any(name in row for row in rows)}
    features = {name: [row["features"].get(name) for row in rows] for name in names}
    return {"service": SERVICE, "version": VERSION, "columns": features, **beside}


def table(rows: Sequence[Row]) -> pa.Table:
    found = columns(rows)
    beside = {name: found[name] for name in BESIDE if name in found}
    return pa.table({**found["columns"], **beside}) if rows else pa.table({"amount": pa.array([], pa.float64())})


def struct(rows: Sequence[Row]) -> pa.Table:
    """Features as the fields of one column."""
    flat = table(rows)
    names = [name for name in flat.column_names if name not in BESIDE]
    whole = pa.StructArray.from_arrays([flat[name].combine_chunks() for name in names], names=names)
    return pa.table({"features": whole, **{name: flat[name] for name in flat.column_names if name in BESIDE}})


def stream(found: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, found.schema) as writer:
        writer.write_table(found, max_chunksize=CHUNK)
    return out.getvalue()


def file(found: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, found.schema) as writer:
        writer.write_table(found, max_chunksize=CHUNK)
    return out.getvalue()


def packed(found: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(found, out, **options)
    return out.getvalue()


def lines(rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
MSGPACK = "application/msgpack"
NDJSON = "application/x-ndjson"
JSON = "application/json"
FORMS: Mapping[str, tuple[str, Callable[[Sequence[Row]], bytes]]] = {
    "json rows": (JSON, lambda rows: json.dumps(envelope(rows)).encode()),
    "json columns": (JSON, lambda rows: json.dumps(columns(rows)).encode()),
    "ndjson": (NDJSON, lines),
    "msgpack rows": (MSGPACK, lambda rows: msgspec.msgpack.encode(envelope(rows))),
    "msgpack columns": (MSGPACK, lambda rows: msgspec.msgpack.encode(columns(rows))),
    "arrow stream": (ARROW, lambda rows: stream(table(rows))),
    "arrow file": ("application/vnd.apache.arrow.file", lambda rows: file(table(rows))),
    "arrow struct": (ARROW, lambda rows: stream(struct(rows))),
    "parquet": (PARQUET, lambda rows: packed(table(rows))),
    "parquet struct": (PARQUET, lambda rows: packed(struct(rows), compression="zstd")),
}
HERE = Asked(SERVICE, VERSION)
