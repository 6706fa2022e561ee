"""Reads Arrow and Parquet in a process of its own with bounded memory; `arrow.py` starts it with `python -m`.

A hostile file can make the reader allocate without end or crash; here it takes only this process with it. What comes
out is the MessagePack columns that `POST /v1/predictions` takes, so everything else is checked in one place.

On stdin: a letter for the format, eight bytes of length, the body. On stdout: a letter (K columns, L too large, E
damaged or no table), eight bytes of length, columns or the reason.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from typing import IO, Any

import msgspec

MEMORY_BYTES = 1536 << 20  # address space, of which the libraries take a third before anything is read
OUT_BYTES = 64 << 20
MAX_EVENTS, MAX_VALUES, MAX_TEXT = 100_000, 4_000_000, 1024  # as in prediction_events, which loads more than is needed
STREAM, FILE, PARQUET = b"S", b"F", b"P"
BESIDE = ("prediction", "confidence", "id", "at", "embedding")
# Of one unit of a timestamp, as a fraction; in Python's numbers, as in 64 bits what is too far away wraps around.
MICROSECONDS = {"s": (10**6, 1), "ms": (1000, 1), "us": (1, 1), "ns": (1, 1000)}
FEATURES = "features"  # a struct column of this name holds all of them


class TooLarge(Exception):
    """More events, values or text than a batch may have."""


def main() -> None:
    """Answer until stdin ends."""
    import pyarrow as pa  # before the limit: loading it takes address space

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    while len(head := stdin.read(9)) == 9:
        body = stdin.read(int.from_bytes(head[1:], "big"))
        letter, answer = _answer(head[:1], body)
        stdout.write(letter + len(answer).to_bytes(8, "big"))
        stdout.write(answer)
        stdout.flush()


def _answer(kind: bytes, body: bytes) -> tuple[bytes, bytes]:
    try:
        return b"K", msgspec.msgpack.encode(read_columns(kind, body))
    except TooLarge as error:
        return b"L", str(error).encode()
    except MemoryError:
        return b"L", b"the table needs more memory than a batch may have; send smaller batches"
    except Exception as error:  # noqa: BLE001 - whatever the library says of a file that is not what it should be
        return b"E", str(error)[:500].encode(errors="replace")


def read_columns(kind: bytes, body: bytes) -> dict[str, Any]:
    """The table as `columns`, with `prediction`, `confidence`, `id` and `at` beside them.

    Raises: TooLarge; ValueError for a column of a type that is no value; whatever pyarrow raises.
    """
    columns: dict[str, list[Any]] = {}
    rows = size = 0
    for batch in _batches(kind, body):
        batch.validate(full=True)
        rows += batch.num_rows
        found = dict(_columns(batch))
        check(rows, max(len(found), 1))
        for name, array in found.items():
            values = _values(array, name)
            size += _size(values)
            if size > OUT_BYTES:
                raise TooLarge(f"the table has more than {OUT_BYTES >> 20} MiB of values; send smaller batches")
            columns.setdefault(name, []).extend(values)
    beside = {name: columns.pop(name) for name in BESIDE if name in columns}
    return {"columns": {name.removeprefix(f"{FEATURES}."): values for name, values in columns.items()}, **beside}


def check(rows: int, columns: int) -> None:
    """Raises: TooLarge."""
    if rows > MAX_EVENTS:
        raise TooLarge(f"{rows:,} events in one batch; send at most {MAX_EVENTS:,}")
    if rows * columns > MAX_VALUES:
        raise TooLarge(
            f"{rows:,} events of {columns:,} columns are more than {MAX_VALUES:,} values; send smaller batches"
        )


def _batches(kind: bytes, body: bytes) -> Iterator[Any]:
    """Piece by piece, so that what is too large is found before all of it is in memory."""
    import pyarrow as pa

    source = pa.BufferReader(body)
    if kind == PARQUET:
        from pyarrow import parquet

        file = parquet.ParquetFile(source, memory_map=False)
        check(file.metadata.num_rows, file.metadata.num_columns)
        yield from file.iter_batches(batch_size=8192, use_threads=False)
    elif kind == FILE:
        reader = pa.ipc.open_file(source)
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)
    else:
        yield from pa.ipc.open_stream(source)


def _columns(batch: Any) -> Iterator[tuple[str, Any]]:
    """Each column; the fields of the struct `features` instead of it, and then nothing else may be a feature."""
    import pyarrow as pa

    names = batch.schema.names
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    whole = FEATURES in names and pa.types.is_struct(batch.schema.field(FEATURES).type)
    for name, array in zip(names, batch.columns, strict=True):
        if not whole or name in BESIDE:
            yield name, array
        elif name == FEATURES:
            fields = [array.type.field(index).name for index in range(array.type.num_fields)]
            yield from zip([f"{FEATURES}.{field}" for field in fields], array.flatten(), strict=True)
        else:
            raise ValueError(f"column {name!r} stands beside {FEATURES}; known there: {', '.join(BESIDE)}")


def _values(array: Any, name: str) -> list[Any]:
    import pyarrow as pa

    kind = pa.types
    while isinstance(array, pa.ExtensionArray):
        array = array.storage
    of = array.type
    if name == "embedding":
        return _vectors(array, name)
    if kind.is_dictionary(of):
        values = _values(array.dictionary, name)
        return [None if index is None else values[index] for index in array.indices.to_pylist()]
    if kind.is_null(of):
        return [None] * len(array)
    if kind.is_boolean(of):
        return list(array.to_pylist())
    if kind.is_integer(of) and name == "id":
        return list(array.to_pylist())
    if kind.is_integer(of) or kind.is_floating(of) or kind.is_decimal(of):
        return _numbers(array)
    if kind.is_timestamp(of) and name == "at":
        times, divisor = MICROSECONDS[of.unit]
        found = array.cast(pa.int64()).to_pylist()
        return [None if value is None else value * times // divisor / 1e6 for value in found]
    if kind.is_string(of) or kind.is_large_string(of) or str(of) == "string_view":
        return _texts(array)
    wanted = "a timestamp, a text or a number" if name == "at" else "a number, a text, true or false"
    raise ValueError(f"column {name!r} is {of}, which is not {wanted}")


def _vectors(array: Any, name: str) -> list[Any]:
    """Lists of numbers as the bytes of 32-bit floats; a number that is missing becomes NaN, for which it is refused."""
    import pyarrow as pa
    from pyarrow import compute

    kind, of = pa.types, array.type
    if kind.is_null(of):
        return [None] * len(array)
    lists = kind.is_list(of) or kind.is_large_list(of) or kind.is_fixed_size_list(of)
    if not lists or not (kind.is_floating(of.value_type) or kind.is_integer(of.value_type)):
        raise ValueError(f"column {name!r} is {of}, which is not a list of numbers")
    flat = array.flatten()
    if len(flat) > MAX_VALUES:
        raise TooLarge(f"embeddings of more than {MAX_VALUES:,} numbers; send smaller batches")
    whole = flat.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False).astype("<f4").tobytes()
    vectors, start = [], 0
    for length in compute.list_value_length(array).to_pylist():
        end = start + 4 * (length or 0)
        vectors.append(None if length is None else whole[start:end])
        start = end
    return vectors


def _numbers(array: Any) -> list[Any]:
    """As numbers of 64 bits; NaN is missing, as many libraries write it."""
    import numpy as np
    import pyarrow as pa

    found = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    values: list[Any] = found.tolist()
    for index in np.flatnonzero(np.isnan(found)).tolist():
        values[index] = None
    return values


def _texts(array: Any) -> list[Any]:
    """Cut where they are too long to be kept: whoever reads them refuses them, and they need no memory until then."""
    import pyarrow as pa
    from pyarrow import compute

    if str(array.type) == "string_view":
        array = array.cast(pa.large_string())
    return list(compute.utf8_slice_codeunits(array, 0, MAX_TEXT + 1).to_pylist())


def _size(values: list[Any]) -> int:
    """Bytes of them, encoded, at most and nearly."""
    return sum(
        5 + 4 * len(value) if type(value) is str else 5 + len(value) if type(value) is bytes else 9 for value in values
    )


def read_frame(stream: IO[bytes]) -> tuple[bytes, bytes]:
    """One answer: its letter and what follows; both empty when the stream ended."""
    head = stream.read(9)
    body = stream.read(int.from_bytes(head[1:], "big")) if len(head) == 9 else b""
    return (head[:1], body) if len(head) == 9 and len(body) == int.from_bytes(head[1:], "big") else (b"", b"")


if __name__ == "__main__":
    main()
