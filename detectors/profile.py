"""The reference profile: what the training data looked like, in a few kilobytes of stable JSON."""

from __future__ import annotations

import csv
import hashlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.errors import Problem, SpecError
from burnline.spec.regular import read_regular

VERSION: Literal["burnline/reference/v1"] = "burnline/reference/v1"
BINS = 20  # quantile bins of a number
TOP = 64  # categories with a cell of their own
KNOWN = 1000  # further categories remembered by name, in one cell together
LOW_QUANTILE = 0.05  # of confidence
LARGEST_BYTES = 256 * 1024 * 1024  # of a file: one of a thousand features has a few megabytes


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="number"):
    """A column of numbers: `counts[i]` rows lie above `edges[i - 1]` and at or below `edges[i]`.

    Edges are quantiles. A value that makes up more than one bin's share has a bin of its own. `low` and `high`
    are the extremes seen, None when every row was missing.
    """

    kind: ClassVar[str] = "number"
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    low: float | None
    high: float | None

    @property
    def cells(self) -> tuple[int, ...]:
        """Reference rows per cell: the bins, then missing, then not a number."""
        return (*self.counts, self.missing, 0)

    def describe(self, cell: int) -> str:
        """The cell in words, to follow `of its values are`."""
        last = len(self.edges)
        if cell > last:
            return "missing" if cell == last + 1 else "not numbers"
        if not self.edges:
            return "present"
        if cell == last:
            return f"above {self.edges[-1]:.6g}"
        if cell and math.nextafter(self.edges[cell - 1], math.inf) == self.edges[cell]:
            return f"exactly {self.edges[cell]:.6g}"
        above = f"above {self.edges[cell - 1]:.6g} " if cell else ""
        return f"{above}up to {self.edges[cell]:.6g}"


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="category"):
    """A column of labels.

    Attributes:
        values: the most frequent, most frequent first; `counts` are their rows.
        rare: further known values; `other` rows together.
        new: rows whose value was seen once. By Good-Turing that is also the share of values never seen before
            to expect in live data, so a column of ids does not raise an alarm on its own population.
    """

    kind: ClassVar[str] = "category"
    values: tuple[str, ...]
    counts: tuple[int, ...]
    rare: tuple[str, ...]
    other: int
    new: int
    missing: int

    @property
    def cells(self) -> tuple[int, ...]:
        """Reference rows per cell: the values, then rare, new, missing, and not a label."""
        return (*self.counts, self.other, self.new, self.missing, 0)

    def describe(self, cell: int) -> str:
        """The cell in words, to follow `of its values are`."""
        known = len(self.values)
        if cell < known:
            return repr(self.values[cell])
        return ("known but rare", "new", "missing", "not labels")[cell - known]


Column: TypeAlias = Number | Category


class Confidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure the model was on the reference: `below` rows were under `low`, the 5 % quantile."""

    low: float
    below: int
    profile: Number


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What live data is compared with; `features` maps each name to its column (`.kind`, `.cells`)."""

    version: Literal["burnline/reference/v1"]
    name: str
    events: int
    features: dict[str, Column]
    prediction: Column | None
    confidence: Confidence | None

    def digest(self) -> str:
        """Names this reference: counts made against another one cannot be added."""
        return hashlib.sha256(_encode(self)).hexdigest()


def build_profile(
    columns: Mapping[str, Sequence[Any]],
    prediction: Sequence[Any] | None = None,
    confidence: Sequence[Any] | None = None,
    *,
    name: str,
) -> Reference:
    """Profile training data given in columns of one length; None and NaN are missing.

    Build it from the values the service will send: text stays text, numbers stay numbers.

    Raises: SpecError naming every column that cannot be used.
    """
    problems: list[Problem] = []
    lengths = {len(column) for column in (*columns.values(), prediction, confidence) if column is not None}
    if len(lengths) != 1 or lengths == {0}:
        problems.append(Problem(name, 0, "", f"columns need one length, above 0; found {sorted(lengths) or 'none'}"))
        raise SpecError(problems)
    features = {feature: _column(values, problems, name, feature) for feature, values in columns.items()}
    answers = None if prediction is None else _column(prediction, problems, name, "prediction")
    sureness = None if confidence is None else _confidence(confidence, problems, name)
    if problems:
        raise SpecError(problems)
    return Reference(VERSION, name, lengths.pop(), features, answers, sureness)


def profile_csv(
    path: Path, *, prediction: str | None = None, confidence: str | None = None, name: str | None = None
) -> Reference:
    """Profile a CSV file with a header; a column is numbers when all its non-empty cells are.

    Raises: SpecError for an unreadable file, a bad header, a ragged row (with its line), a column not found.
    """
    columns = _read_csv(path)
    wanted = [column for column in (prediction, confidence) if column is not None]
    if missing := [column for column in wanted if column not in columns]:
        accepted = ", ".join(columns)
        raise SpecError([Problem(str(path), 1, column, f"no such column; there is {accepted}") for column in missing])
    taken = {column: columns.pop(column) for column in dict.fromkeys(wanted)}
    return build_profile(
        columns,
        taken[prediction] if prediction else None,
        taken[confidence] if confidence else None,
        name=name or path.stem,
    )


def save_reference(reference: Reference, path: Path) -> None:
    """Write the profile as JSON; the same profile gives the same bytes."""
    path.write_bytes(_encode(reference))


def load_reference(path: Path | str) -> Reference:
    """Read a profile and check that its numbers agree with each other.

    Raises: SpecError naming the file, the field and what would be accepted.
    """
    try:
        reference = msgspec.json.decode(read_regular(path, LARGEST_BYTES), type=Reference)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        hint = "; make one with `burnline profile`"
        raise SpecError([Problem(str(path), 0, "", f"not a reference profile: {error}{hint}")]) from error
    problems = [Problem(str(path), 0, field, message) for field, message in _contradictions(reference)]
    if problems:
        raise SpecError(problems)
    return reference


def _encode(reference: Reference) -> bytes:
    return msgspec.json.format(msgspec.json.encode(reference), indent=1) + b"\n"


def _column(values: Sequence[Any], problems: list[Problem], file: str, field: str) -> Column:
    plain = values.tolist() if isinstance(values, np.ndarray) else list(values)
    present = [value for value in plain if not _is_missing(value)]
    missing = len(plain) - len(present)
    if all(isinstance(value, (str, bool)) for value in present) and present:
        return _category(Counter(category_text(value) for value in present), missing)
    numbers = [value for value in present if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < len(present):
        odd = next(value for value in present if isinstance(value, bool) or not isinstance(value, (int, float)))
        problems.append(Problem(file, 0, field, f"mixes numbers with {odd!r}; write all numbers or all text"))
    try:
        return _number(np.array(numbers, dtype=np.float64), missing)
    except OverflowError:
        problems.append(Problem(file, 0, field, "holds a whole number beyond any float; send it as text"))
        return _number(np.empty(0), missing)


def _number(values: NDArray[np.float64], missing: int) -> Number:
    if not len(values):
        return Number((), (0,), missing, None, None)
    quantiles = np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf")
    found, times = np.unique(quantiles, return_counts=True)
    repeated = found[times > 1]
    below = [math.nextafter(value, -math.inf) for value in repeated.tolist()]
    edges = np.unique(np.concatenate([found, [edge for edge in below if math.isfinite(edge)]]))
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return Number(tuple(edges.tolist()), tuple(counts.tolist()), missing, float(values.min()), float(values.max()))


def _category(counted: Counter[str], missing: int) -> Category:
    repeated = sorted(((value, count) for value, count in counted.items() if count > 1), key=lambda vc: (-vc[1], vc[0]))
    top, rest = repeated[:TOP], repeated[TOP : TOP + KNOWN]
    other = sum(count for _, count in rest)
    new = counted.total() - other - sum(count for _, count in top)
    return Category(
        tuple(value for value, _ in top),
        tuple(count for _, count in top),
        tuple(sorted(value for value, _ in rest)),
        other,
        new,
        missing,
    )


def _confidence(values: Sequence[Any], problems: list[Problem], file: str) -> Confidence | None:
    column = _column(values, problems, file, "confidence")
    if not isinstance(column, Number) or column.low is None or column.high is None:
        problems.append(Problem(file, 0, "confidence", "needs numbers from 0 to 1"))
        return None
    if column.low < 0 or column.high > 1:
        problems.append(
            Problem(file, 0, "confidence", f"from {column.low} to {column.high}; needs numbers from 0 to 1")
        )
    present = np.array([value for value in values if not _is_missing(value)], dtype=np.float64)
    low = float(np.quantile(present, LOW_QUANTILE, method="inverted_cdf"))
    return Confidence(low, int((present < low).sum()), column)


def category_text(value: str | bool) -> str:
    """A label as it is counted: a truth value is written as JSON writes it."""
    return value if isinstance(value, str) else str(value).lower()


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _read_csv(path: Path) -> dict[str, list[str | float | None]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError([Problem(str(path), 0, "", f"cannot be read as CSV: {error}")]) from error
    if not header or len(set(header)) < len(header) or "" in header:
        raise SpecError([Problem(str(path), 1, "", f"needs a header of distinct column names; found {header}")])
    for line, row in rows:
        if len(row) != len(header):
            raise SpecError([Problem(str(path), line, "", f"has {len(row)} cells; the header has {len(header)}")])
    return {column: _cells([row[at] for _, row in rows]) for at, column in enumerate(header)}


def _cells(written: list[str]) -> list[str | float | None]:
    try:
        return [float(cell) if cell else None for cell in written]
    except ValueError:
        return [cell or None for cell in written]


def _contradictions(reference: Reference) -> Iterator[tuple[str, str]]:
    if reference.events < 1:
        yield "events", f"{reference.events}; needs at least 1"
    columns = {f"features.{name}": column for name, column in reference.features.items()}
    if reference.prediction is not None:
        columns["prediction"] = reference.prediction
    if reference.confidence is not None:
        columns["confidence.profile"] = reference.confidence.profile
        if not 0 <= reference.confidence.below <= reference.events:
            yield "confidence.below", f"{reference.confidence.below}; needs 0 to {reference.events}"
    for field, column in columns.items():
        if min(column.cells) < 0 or sum(column.cells) != reference.events:
            yield field, f"counts and missing add up to {sum(column.cells)}; events is {reference.events}"
        yield from ((field, message) for message in _shape_problems(column))


def _shape_problems(column: Column) -> Iterator[str]:
    if isinstance(column, Category):
        if len(column.counts) != len(column.values):
            yield f"has {len(column.values)} values and {len(column.counts)} counts; needs as many"
        if len(column.values) > TOP or len(column.rare) > KNOWN:
            yield f"has too many values; at most {TOP}, and {KNOWN} rare ones"
        if len({*column.values, *column.rare}) < len(column.values) + len(column.rare):
            yield "names a value twice"
        return
    if len(column.counts) != len(column.edges) + 1 or len(column.edges) > 2 * BINS:
        yield f"has {len(column.edges)} edges and {len(column.counts)} counts; needs one count more than edges"
    if any(left >= right for left, right in zip(column.edges, column.edges[1:], strict=False)):
        yield "edges must grow"
    if (column.low is None) != (column.high is None) or (column.low or 0) > (column.high or 0):
        yield f"low is {column.low} and high is {column.high}"
