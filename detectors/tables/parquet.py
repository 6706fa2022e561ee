"""Parquet files, by pyarrow (the extra `parquet`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import Coded, Values
from burnline.detectors.tables.blocks import BLOCK, Block
from burnline.errors import Problem, SpecError

BUFFERED = 1 << 16  # bytes a column is read ahead; pyarrow alone reads whole columns, and keeps them to the file's end


class ParquetTable:
    """A Parquet file: numbers, text, truth values; moments are seconds since 1970, lists of numbers are embeddings.

    Columns that are `exact` keep the values that Python has for them.
    """

    typed = True
    repeatable = True

    def __init__(self, path: Path, exact: Collection[str] = ()) -> None:
        self.name, self._exact = str(path), exact
        with self._told():
            from pyarrow import parquet

            self._file = parquet.ParquetFile(path, pre_buffer=False, buffer_size=BUFFERED)
            self.columns = tuple(self._file.schema_arrow.names)
        if not self.columns or len(set(self.columns)) < len(self.columns):
            found = list(self.columns)
            raise SpecError([Problem(self.name, 0, "", f"needs distinct column names; found {found}")])

    def blocks(self, wanted: Collection[str], numbers: Collection[str]) -> Iterator[Block]:
        """The file says itself which columns hold `numbers`."""
        names = [name for name in self.columns if name in wanted]
        batches = self._file.iter_batches(batch_size=BLOCK, columns=names, use_threads=False)
        while True:
            with self._told():
                batch = next(batches, None)
                if batch is None:
                    return
            columns = {name: self._column(name, batch.column(at)) for at, name in enumerate(batch.schema.names)}
            yield Block(batch.num_rows, {name: columns[name] for name in names})

    def _column(self, name: str, column: Any) -> Values:
        with self._told(name):
            values: Values = column.to_pylist() if name in self._exact else _values(column)
        return values

    @contextmanager
    def _told(self, column: str = "") -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            message = "Parquet needs pyarrow; install burnline[parquet], or write a CSV file"
            raise SpecError([Problem(self.name, 0, "", message)]) from error
        except (OSError, ValueError, NotImplementedError) as error:  # pyarrow's own errors are these
            raise SpecError([Problem(self.name, 0, column, f"cannot be read as Parquet: {error}")]) from error


def _values(column: Any) -> Values:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _coded(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _coded(column.dictionary_encode())
    if pa.types.is_timestamp(kind):
        whole = kind.unit != "ns"  # pandas keeps nanoseconds: what is finer than a microsecond is cut off
        return _numbers(column.cast(pa.timestamp("us", kind.tz), safe=whole).cast(pa.int64())) / 1e6
    if pa.types.is_date(kind):
        return _numbers(column.cast(pa.timestamp("us")).cast(pa.int64())) / 1e6
    if pa.types.is_decimal(kind):
        return _numbers(column.cast(pa.float64()))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(column)
    plain: list[Any] = column.to_pylist()
    return plain


def _numbers(column: Any) -> NDArray[np.floating]:
    """As floats, NaN where there is none."""
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _coded(column: Any) -> Coded:
    codes = column.indices.fill_null(-1) if column.null_count else column.indices
    return Coded(codes.to_numpy(zero_copy_only=False), column.dictionary.to_pylist())
