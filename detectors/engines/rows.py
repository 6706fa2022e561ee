"""A bounded sample of rows that merges: the same rows, whatever their order and however they were split.

Every row has a key, a hash of its values and of its time; kept are the rows with the smallest keys. So which rows are
in is as good as drawn by lot, a row that is in was in every part it came from, and its number of copies is exact. Rows
alike in everything, time too, are one row with a number: they are drawn together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.profile import category_text
from burnline.errors import PayloadError

Keys = NDArray[np.uint64]
Column: TypeAlias = NDArray[Any]  # float64, NaN is missing; or labels as objects, None is missing
LABEL_CHARACTERS = 200
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows in columns, by key.

    Attributes:
        keys: grow; one for each row.
        times: how many events look like it, in everything and in their time.
    """

    keys: Keys
    times: NDArray[np.int64]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.keys)

    def smallest(self, most: int) -> Rows:
        """The rows with the `most` smallest keys."""
        return self if len(self) <= most else self._at(np.arange(most))

    def merged(self, other: Rows, most: int) -> Rows:
        """Both together, at most `most`; the same in either order."""
        keys = np.concatenate([self.keys, other.keys])
        times = np.concatenate([self.times, other.times])
        columns = {name: np.concatenate([column, other.columns[name]]) for name, column in self.columns.items()}
        return gathered(keys, times, columns, most)

    def drawn(self, most: int) -> Mapping[str, Column]:
        """The columns with each row as often as it came, in the order of the keys; evenly thinned to `most` rows."""
        total = int(self.times.sum())
        if total > most:
            wanted = (np.arange(most) * total) // most
            at = np.searchsorted(np.cumsum(self.times), wanted, side="right")
        else:
            at = np.repeat(np.arange(len(self)), self.times)
        return {name: column[at] for name, column in self.columns.items()}

    def encode(self) -> bytes:
        """The same rows give the same bytes."""
        columns = [
            column.astype("<f8").tobytes() if column.dtype != np.object_ else column.tolist()
            for column in self.columns.values()
        ]
        written = (self.keys.astype("<u8").tobytes(), self.times.astype("<i8").tobytes(), columns)
        return msgspec.msgpack.encode(written)

    def decode(self, body: bytes) -> Rows:
        """Rows with the same columns as these.

        Raises: PayloadError when the bytes are no such rows.
        """
        try:
            keys, times, written = msgspec.msgpack.decode(
                body, type=tuple[bytes, bytes, list[bytes | list[str | None]]]
            )
            columns = {name: _column(one) for name, one in zip(self.columns, written, strict=True)}
            read = Rows(np.frombuffer(keys, "<u8"), np.frombuffer(times, "<i8"), columns)
        except (msgspec.MsgspecError, ValueError) as error:
            raise PayloadError(f"not a sample of rows: {error}") from error
        if {len(read.keys)} != {len(column) for column in (read.times, *columns.values())}:
            raise PayloadError("not a sample of rows: columns of several lengths")
        return read

    def _at(self, where: NDArray[Any]) -> Rows:
        columns = {name: column[where] for name, column in self.columns.items()}
        return replace(self, keys=self.keys[where], times=self.times[where], columns=columns)


def gathered(keys: Keys, times: NDArray[np.int64], columns: Mapping[str, Column], most: int) -> Rows:
    """Rows of any order: equal keys become one row, and the `most` smallest stay."""
    found, first, back = np.unique(keys, return_index=True, return_inverse=True)
    added = np.bincount(back, weights=times, minlength=len(found)).astype(np.int64)
    kept = first[:most]
    return Rows(found[:most], added[:most], {name: column[kept] for name, column in columns.items()})


def no_rows(kinds: Mapping[str, bool]) -> Rows:
    """None yet, of columns that are numbers (True) or labels."""
    columns: dict[str, Column] = {
        name: np.empty(0, np.float64) if is_number else np.empty(0, np.object_) for name, is_number in kinds.items()
    }
    return Rows(np.empty(0, np.uint64), np.empty(0, np.int64), columns)


class Hasher:
    """Keys of rows: 64 bits, the same on every machine and in every process."""

    def __init__(self) -> None:
        self._labels: dict[str, int] = {}

    def keys(self, columns: Iterable[Column], times: NDArray[np.int64]) -> Keys:
        keys = _mixed(times.astype(np.uint64))
        for column in columns:
            keys = _mixed(keys ^ (self._of_labels(column) if column.dtype == np.object_ else _of_numbers(column)))
        return keys

    def _of_labels(self, column: Column) -> Keys:
        if len(self._labels) > 100_000:
            self._labels.clear()
        known = self._labels
        for label in set(column.tolist()).difference(known):
            written = b"\x00" if label is None else b"\x01" + label.encode("utf-8", "surrogatepass")
            known[label] = int.from_bytes(hashlib.blake2b(written, digest_size=8).digest(), "little")
        return np.fromiter((known[label] for label in column.tolist()), np.uint64, len(column))


def numbers(column: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers of a column; what is none is missing."""
    taken = [value if isinstance(value, (int, float)) and not isinstance(value, bool) else None for value in column]
    try:
        return np.array(taken, dtype=np.float64)
    except OverflowError:  # an integer beyond any float
        return np.array([_number(value) for value in taken], dtype=np.float64)


def labels(column: Sequence[Any]) -> NDArray[np.object_]:
    """Labels of a column, cut to a bounded length; what is none is missing."""
    written = np.empty(len(column), dtype=np.object_)
    known: dict[Any, str | None] = {}
    for at, value in enumerate(column):
        if isinstance(value, (str, bool)):
            if value not in known:
                known[value] = category_text(value)[:LABEL_CHARACTERS].encode("utf-8", "replace").decode()
            written[at] = known[value]
    return written


def _number(value: float | None) -> float:
    try:
        return float("nan") if value is None else float(value)
    except OverflowError:
        return float("nan")


def _mixed(keys: Keys) -> Keys:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input changes half of the output's."""
    keys = keys + _GOLDEN
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def _of_numbers(column: Column) -> Keys:
    same = np.where(np.isnan(column), np.nan, column + 0.0)  # one NaN, one zero
    return same.astype(np.float64).view(np.uint64)


def _column(written: bytes | list[str | None]) -> Column:
    if isinstance(written, bytes):
        return np.frombuffer(written, "<f8")
    column = np.empty(len(written), dtype=np.object_)
    column[:] = written
    return column
