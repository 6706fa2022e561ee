"""Rows of a table as events: which columns hold what, and what may stand in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, isfinite, isinf
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from burnline.app.score.verbs import Verb
from burnline.collectors.predictions.events import STRANGERS_KEPT
from burnline.detectors.columns import ColumnReader, Columns, Values, listed
from burnline.detectors.profile import PREDICTION, Number, Reference
from burnline.detectors.tables.blocks import Block, Table
from burnline.detectors.tables.moments import as_microseconds
from burnline.detectors.tables.vectors import as_vectors
from burnline.errors import Problem, SpecError
from burnline.events import PredictionBatch
from burnline.store.schema import EPOCH

CLASSES = ("estimate", "performance", "calibration")  # answers are compared with labels: NaN is none, true is 1


class Rows(Protocol):
    """What a detector counts, some rows at a time.

    Attributes:
        features: those that have a line each.
        reference: what the detector is made with.
    """

    @property
    def features(self) -> Sequence[str]: ...
    @property
    def reference(self) -> Reference: ...

    def blocks(self) -> Iterator[Block]:
        """All rows. Raises: SpecError."""
        ...

    def read(self, block: Block, first: int) -> Columns:
        """As the detector counts them; the block's first row is number `first`. Raises: SpecError naming a row."""
        ...

    def told(self) -> Mapping[str, Any]:
        """What the summary says of them beside their number."""
        ...


class TableRows:
    """Every row is an event.

    `columns` says which column holds what is no feature; those in `ignore`, and those that the reference left out, are
    none either. With `strangers` the detector is told of all others that the reference does not know.
    """

    def __init__(
        self,
        verb: Verb,
        reference: Reference,
        table: Table,
        columns: Mapping[str, str],
        ignore: Sequence[str],
        *,
        strangers: bool,
    ) -> None:
        self.reference = reference
        self._verb, self._table, self._columns = verb, table, columns
        self._reader = ColumnReader(reference)
        others = {*columns.values(), *ignore, *reference.ignored}
        self._known = [name for name in reference.features if name not in others]
        unknown = [name for name in table.columns if name not in others and name not in reference.features]
        self._strangers = unknown if strangers else []

    @property
    def features(self) -> Sequence[str]:
        answers = "prediction" in self._columns and self.reference.prediction is not None
        return [*self.reference.features, *([PREDICTION] if answers and "prediction" in self._verb.columns else [])]

    def blocks(self) -> Iterator[Block]:
        columns, features = self._columns, self.reference.features
        numbers = {name for name in self._known if isinstance(features[name], Number)}
        numeric = ["confidence", "time"]
        if isinstance(self.reference.prediction, Number):
            numeric += ["prediction", "label"]
        numbers |= {columns[role] for role in numeric if role in columns}
        wanted = {columns[role] for role in self._verb.columns if role in columns}
        return self._table.blocks({*self._known, *wanted}, numbers)

    def read(self, block: Block, first: int) -> Columns:
        features: dict[str, Any] = {name: _finite(block.columns[name]) for name in self._known if name in block.columns}
        batch = PredictionBatch(
            "score",
            "",
            EPOCH,
            features,
            self._answers(block, "prediction"),
            self._confidence(block, first),
            [len(self._strangers)] * block.rows,
            at=self._moments(block, first),
            label=self._answers(block, "label"),
            embedding=self._vectors(block),
            strangers={name: [True] * block.rows for name in self._strangers[:STRANGERS_KEPT]},
        )
        return self._reader.read(batch)

    def told(self) -> Mapping[str, Any]:
        return {}

    def _column(self, block: Block, role: str) -> Values | None:
        if role not in self._columns or role not in self._verb.columns:
            return None
        return block.columns[self._columns[role]]

    def _answers(self, block: Block, role: str) -> Any:
        column = self._column(block, role)
        if column is None:
            return [None] * block.rows
        return list(map(_class, listed(column))) if self._verb.signal in CLASSES else _finite(column)

    def _confidence(self, block: Block, first: int) -> Any:
        column = self._column(block, "confidence")
        if column is None:
            return [None] * block.rows
        sure = as_floats(column)
        with np.errstate(invalid="ignore"):
            if len(wrong := np.flatnonzero((sure < 0) | (sure > 1))):
                at = int(wrong[0])
                raise self._problem("confidence", first + at, f"{float(sure[at])!r} is not between 0 and 1")
        return sure

    def _moments(self, block: Block, first: int) -> list[int]:
        column = self._column(block, "time")
        return [] if column is None else self._each("time", listed(column), first, as_microseconds)

    def _vectors(self, block: Block) -> list[bytes | None]:
        column = self._column(block, "embedding")
        if column is None:
            return []
        values = listed(column)
        try:
            found = as_vectors(values)
        except ValueError as error:
            raise SpecError([Problem(self._table.name, 0, self._columns["embedding"], str(error))]) from error
        known = self.reference.embedding
        if known and len(found) and found.shape[1] != known.dimension:
            message = f"embeddings have {found.shape[1]} numbers; the reference's have {known.dimension}"
            raise SpecError([Problem(self._table.name, 0, self._columns["embedding"], message)])
        if not np.isfinite(found).all():
            message = "an embedding holds what is no finite number"
            raise SpecError([Problem(self._table.name, 0, self._columns["embedding"], message)])
        rows = iter(found.astype("<f4"))
        return [None if value is None else next(rows).tobytes() for value in values]

    def _each(self, role: str, values: list[Any], first: int, read: Callable[[list[Any]], list[int]]) -> list[int]:
        """All values read; of those that cannot be the first one is named."""
        try:
            return read(values)
        except ValueError:
            for at, value in enumerate(values):
                try:
                    read([value])
                except ValueError as error:
                    raise self._problem(role, first + at, str(error).removeprefix(f"{role}: ")) from error
            raise

    def _problem(self, role: str, row: int, message: str) -> SpecError:
        where = self._columns[role]
        return SpecError([Problem(self._table.name, 0, where, f"row {row:,}, counted from 0: {message}")])


def _finite(column: Values) -> Values:
    """Infinity is missing, as where a reference is made."""
    if isinstance(column, np.ndarray) and column.dtype.kind == "f":
        infinite = np.isinf(column)
        return np.where(infinite, np.nan, column) if infinite.any() else column
    if isinstance(column, list) and (inf in column or -inf in column):
        return [None if isinstance(value, float) and isinf(value) else value for value in column]
    return column


def as_floats(column: Values) -> NDArray[np.floating]:
    """Numbers; what is none is NaN."""
    if isinstance(column, np.ndarray) and column.dtype.kind == "f":
        return column
    return np.array([value if _is_number(value) else np.nan for value in listed(column)], dtype=np.float64)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _class(value: Any) -> float | str | None:
    """An answer or a label as the doors keep it."""
    if isinstance(value, str) or value is None:
        return value or None
    if isinstance(value, (bool, int, float)):
        return float(value) if isfinite(value) else None
    return None
