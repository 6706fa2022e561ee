"""Rows of a table compared with training's rows of the same ids, by the rules of the door for samples."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import msgspec

from burnline.collectors.predictions.tolerance import mismatch
from burnline.detectors.columns import ColumnReader, Columns, Values, listed
from burnline.detectors.profile import VERSION, Number, Reference
from burnline.detectors.tables.blocks import Block, Table, find_numbers, pick
from burnline.detectors.tables.csv import number_or_text
from burnline.errors import BurnlineError
from burnline.events import Mismatch, PredictionBatch
from burnline.spec.quality import SkewSpec
from burnline.store.kept_events import key_of
from burnline.store.schema import EPOCH

ASKED = 5_000  # ids in one question
CACHE_KIB = 65_536  # of the database in memory
SCALAR = (float, int, str, type(None))  # truth values are whole numbers


class JoinedRows:
    """The rows of `table` that have one in `training`, each feature told as the same or as a `Mismatch`.

    Training's rows wait in a database in the folder for temporary files, so that memory does not grow with them; of an
    id that comes twice there, the first row counts. What is compared are the `wanted` features, or all that both tables
    have, but `others`. `numbers` says which columns of a CSV file are numbers; None: those that are in training. What
    is padded with zeros there (`007`) is text.
    """

    def __init__(
        self,
        table: Table,
        training: Table,
        by: str,
        spec: SkewSpec,
        *,
        wanted: Sequence[str] = (),
        others: Sequence[str] = (),
        numbers: frozenset[str] | None = None,
        said: Callable[[int], None] = lambda rows: None,
    ) -> None:
        pick(table, [by])
        pick(training, [by])
        self._table, self._training, self._by, self._spec = table, training, by, spec
        both = [*training.columns, *(name for name in table.columns if name not in training.columns)]
        asked = [name for name in wanted or both if name not in (by, *others)]
        self.features = [name for name in asked if name in table.columns and name in training.columns]
        self._left = [name for name in asked if name not in self.features]
        self._numbers, self._said = numbers, said
        self._joined = 0
        if not self.features:
            raise BurnlineError(f"--training {training.name}: has no feature that {table.name} has; none is compared")
        if unknown := sorted(spec.tolerances.keys() - set(self.features)):
            raise BurnlineError(f"--tolerance {unknown[0]}: is none of the features that are compared")
        self.reference = Reference(VERSION, "", 0, dict.fromkeys(self.features, ANY), None, None)
        self._reader = ColumnReader(self.reference)

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="burnline-")
        try:
            self._kept = sqlite3.connect(Path(self._folder.name) / "training.db", isolation_level=None)
            self._keep()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kept.close()
        self._folder.cleanup()

    def blocks(self) -> Iterator[Block]:
        return _blocks(self._table, {self._by, *self.features}, self._numbers or frozenset())

    def read(self, block: Block, first: int) -> Columns:
        keys = [_key(value) for value in listed(block.columns[self._by])]
        trained = self._found(sorted({key for key in keys if key}))
        rows = [at for at, key in enumerate(keys) if key in trained]
        sides = list(zip(*(trained[key] for key in keys if key in trained), strict=True)) or [()] * len(self.features)
        served = (_at(block.columns[name], rows) for name in self.features)
        features: dict[str, Any] = {
            name: self._compared(name, *pair)
            for name, pair in zip(self.features, zip(served, sides, strict=True), strict=True)
        }
        self._joined += len(rows)
        nothing: list[None] = [None] * len(rows)
        return self._reader.read(PredictionBatch("score", "", EPOCH, features, [*nothing], [*nothing], [0] * len(rows)))

    def told(self) -> Mapping[str, Any]:
        """How many rows found one of training, and which features could not be compared."""
        return {"joined": self._joined, "not_compared": self._left}

    def _compared(self, name: str, served: Sequence[Any], trained: Sequence[Any]) -> list[Mismatch | bool]:
        own = self._spec.tolerances.get(name)
        relative = self._spec.tolerance if own is None else own
        return [
            False if value == other else _differ(value, other, relative, exact=own is None) or False
            for value, other in zip(served, trained, strict=True)
        ]

    def _keep(self) -> None:
        """Put training's rows where they are found by id."""
        numbers = find_numbers(self._training, self._said) if self._numbers is None else self._numbers
        numbers -= {self._by}  # an id is told by its digits, which may be more than a float has
        found, rows, encode = set(numbers), 0, msgspec.msgpack.Encoder().encode
        self._kept.execute("pragma journal_mode = off")
        self._kept.execute("pragma synchronous = off")
        self._kept.execute(f"pragma cache_size = -{CACHE_KIB}")
        self._kept.execute("create table training (key blob, features blob)")
        for block in _blocks(self._training, {self._by, *self.features}, numbers):
            columns = [block.columns[name] for name in self.features]
            found |= {name for name, column in zip(self.features, columns, strict=True) if _is_numeric(column)}
            keys = (_key(value) for value in listed(block.columns[self._by]))
            sides = zip(keys, zip(*map(listed, columns), strict=True), strict=True)
            self._kept.execute("begin")
            self._kept.executemany(
                "insert into training values (?, ?)", [(key, encode(side)) for key, side in sides if key]
            )
            self._kept.execute("commit")
            rows += block.rows
            self._said(rows)
        self._kept.execute("create index training_key on training (key)")
        self._numbers = frozenset(found) if self._numbers is None else numbers

    def _found(self, keys: Sequence[bytes]) -> dict[bytes, Sequence[Any]]:
        """Training's rows by key; that of the lowest row number is the first one (SQLite, "bare columns")."""
        found, decode = dict[bytes, Sequence[Any]](), msgspec.msgpack.Decoder().decode
        for start in range(0, len(keys), ASKED):
            some = keys[start : start + ASKED]
            query = "select key, features, min(rowid) from training where key in ({}) group by key"
            with closing(self._kept.execute(query.format(",".join("?" * len(some))), some)) as rows:
                found.update((key, decode(features)) for key, features, _ in rows)
        return found


PADDED = re.compile(r"[+-]?0\d")
ANY = Number((), (0,), 0, None, None)


def _key(value: Any) -> bytes | None:
    """Of an id; a whole number is the text of its digits, and a missing one is none."""
    if isinstance(value, float):
        if value != value:
            return None
        value = int(value) if value.is_integer() else value
    return None if value is None or value == "" else key_of(str(value))


def _blocks(table: Table, wanted: Collection[str], numbers: Collection[str]) -> Iterator[Block]:
    """The rows; of CSV, `numbers` as such, but for what is padded with zeros."""
    if table.typed:
        yield from table.blocks(wanted, numbers)
        return
    for block in table.blocks(wanted, ()):
        columns = {
            name: list(map(_number, listed(column))) if name in numbers else column
            for name, column in block.columns.items()
        }
        yield Block(block.rows, columns)


def _number(cell: str | None) -> float | str | None:
    """`0.5` is a number, `007` and `-01` are text: reading them as numbers would lose what tells them from 7 and -1."""
    if cell is None or (cell[0] in "0+-" and PADDED.match(cell)):
        return cell
    return number_or_text(cell)


def _is_numeric(column: Values) -> bool:
    """A typed table gives numbers as arrays."""
    return not isinstance(column, list) and getattr(column, "dtype", None) is not None


def _at(column: Values, rows: Sequence[int]) -> list[Any]:
    values = listed(column)
    return values if len(rows) == len(values) else [values[at] for at in rows]


def _differ(served: Any, trained: Any, relative: float, *, exact: bool) -> Mismatch | None:
    """What is no single value, as a list, is the same or another."""
    if isinstance(served, SCALAR) and isinstance(trained, SCALAR):
        return mismatch(served, trained, relative, exact=exact)
    return Mismatch.OTHER
