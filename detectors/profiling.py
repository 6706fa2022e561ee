"""Making a reference profile of training data: of columns in memory, or of a CSV file."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.profile import (
    BINS,
    KNOWN,
    TOP,
    VERSION,
    Category,
    Column,
    Confidence,
    Number,
    Reference,
    category_text,
)
from burnline.detectors.strangeness import measure_outliers
from burnline.errors import Problem, SpecError

LOW_QUANTILE = 0.05  # of confidence


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
    reference = Reference(VERSION, name, lengths.pop(), features, answers, sureness)
    return msgspec.structs.replace(reference, outliers=measure_outliers(reference, columns))


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
    reference = build_profile(
        columns,
        taken[prediction] if prediction else None,
        taken[confidence] if confidence else None,
        name=name or path.stem,
    )
    roles = {role: column for role, column in {"prediction": prediction, "confidence": confidence}.items() if column}
    return msgspec.structs.replace(reference, columns=roles)


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
