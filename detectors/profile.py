"""The reference profile: what the training data looked like, in a few kilobytes of stable JSON."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec

from burnline.errors import Problem, SpecError
from burnline.events import MAX_DIMENSION
from burnline.spec.quality import STRANGE
from burnline.spec.regular import read_regular, replace_regular

VERSION: Literal["burnline/reference/v1"] = "burnline/reference/v1"
BINS = 20  # quantile bins of a number
TOP = 64  # categories with a cell of their own
PREDICTION = "(prediction)"  # what the answers are called among features
KNOWN = 1000  # further categories remembered by name, in one cell together
MOST_ROWS = 10**12  # sums of a million cells of so many stay below 2**63
LARGEST_BYTES = 256 * 1024 * 1024  # of a file: one of a thousand features has a few megabytes

Rows: TypeAlias = Annotated[int, msgspec.Meta(le=MOST_ROWS)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Error: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Coordinate: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**19), le=2**19)]  # as in centroids.py


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


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often answers of one class and confidence were right, where the truth was known.

    Attributes:
        classes: answers with cells of their own, most frequent first; all others share the cells after them.
        edges: of the bins of confidence, as in `Number`.
        counts, right: rows, and rows whose answer was right, by class and bin; the last bin of each class has the
            answers without a confidence.
        scored: the class whose probability the confidence is; empty where it is that of the answer given.
        others: the names of those that share cells, as far as they are remembered.
    """

    classes: tuple[str, ...]
    edges: tuple[Share, ...]
    counts: tuple[Rows, ...]
    right: tuple[Rows, ...]
    scored: str = ""
    others: tuple[str, ...] = ()


class Performance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How good the answers were where the truth was known.

    Attributes:
        wrong: answers that were not the label; of numbers, those whose absolute error was over `limit`.
        auc, ece: of answers that are classes and have a confidence; see `Cells.auc` and `calibration_error`.
        mean_error, limit: of answers that are numbers, the mean and the 95 % quantile of the absolute error.
    """

    events: Rows
    wrong: Rows
    auc: Share | None = None
    ece: Share | None = None
    mean_error: Error | None = None
    limit: Error | None = None


class Embedding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where embeddings lay; coordinates are whole multiples of `2 ** exponent`, so that sums of them are exact.

    Attributes:
        centroids: 64 of `dimension` coordinates, 32-bit little-endian.
        far: squared distance to the nearest centroid that 5 % of the rows not used to place centroids exceed.
        counts: of those rows, how many are nearest to each centroid; `beyond` are farther than `far`.
        mean: of all rows, in coordinates.
        spread, spread_squared: trace of their covariance, and of its square, in squared coordinates.
    """

    dimension: int
    exponent: int
    centroids: bytes
    far: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    counts: tuple[Rows, ...]
    beyond: Rows
    rows: Rows
    mean: tuple[Coordinate, ...]
    spread: float
    spread_squared: float


class Outliers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How strange `events` rows of the reference are: `strangeness.LEVELS[i]` of them at most exceed `limits[i]`.

    Small references have fewer limits: 99 rows are needed to tell the strangest 1 %.
    """

    events: Rows
    limits: tuple[float, ...]


class RowSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of the training data themselves, drawn by lot, for libraries that need rows (see detectors/engines).

    Attributes:
        columns: by feature its values, one length for all; None is missing. The answers are `(prediction)`.
    """

    columns: dict[str, list[float | str | None]]


class Slots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reference's rows by hour, in UTC: of the day, or of the week from Monday on.

    `events` counts rows by hour; per feature and hour there is a count for each of the column's `cells`.
    """

    kind: Literal["hour-of-day", "hour-of-week"]
    events: tuple[Rows, ...]
    features: dict[str, tuple[tuple[Rows, ...], ...]]
    prediction: tuple[tuple[Rows, ...], ...] = ()


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What live data is compared with; `features` maps each name to its column (`.kind`, `.cells`).

    Attributes:
        columns: what the columns of the training data were called that are no features: `prediction`, `confidence`.
        ignored: its columns that were left out; a table that has them holds nothing unknown.
        design_effect: by how much shares vary more than those of independent rows, because rows of a session are alike.
    """

    version: Literal["burnline/reference/v1"]
    name: str
    events: int
    features: dict[str, Column]
    prediction: Column | None
    confidence: Confidence | None
    design_effect: float = 1.0
    calibration: Calibration | None = None
    performance: Performance | None = None
    embedding: Embedding | None = None
    columns: dict[str, str] = {}
    outliers: Outliers | None = None
    rows: RowSection | None = None
    slots: Slots | None = None
    ignored: tuple[str, ...] = ()

    def digest(self) -> str:
        """Names this reference: counts made against another one cannot be added."""
        return hashlib.sha256(_encode(self)).hexdigest()


def save_reference(reference: Reference, path: Path) -> None:
    """Write the profile as JSON, in one step; the same profile gives the same bytes. Raises: OSError."""
    replace_regular(path, _encode(reference))


def load_reference(path: Path | str) -> Reference:
    """Read a profile and check that its numbers agree with each other.

    Raises: SpecError naming the file, the field and what would be accepted.
    """
    try:
        reference = msgspec.json.decode(read_regular(path, LARGEST_BYTES), type=Reference)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        what = f"not a reference profile: {error}"
        if isinstance(error, OSError):
            what = f"cannot be read: {error.strerror or error}"
        raise SpecError([Problem(str(path), 0, "", f"{what}; make one with `burnline profile`")]) from error
    problems = [Problem(str(path), 0, field, message) for field, message in _contradictions(reference)]
    if problems:
        raise SpecError(problems)
    return reference


def _encode(reference: Reference) -> bytes:
    return msgspec.json.format(msgspec.json.encode(reference), indent=1) + b"\n"


def category_text(value: str | bool) -> str:
    """A label as it is counted: a truth value is written as JSON writes it."""
    return value if isinstance(value, str) else str(value).lower()


def _contradictions(reference: Reference) -> Iterator[tuple[str, str]]:
    if not 1 <= reference.events <= MOST_ROWS:
        yield "events", f"{reference.events}; needs at least 1, and at most {MOST_ROWS}"
    if not 1 <= reference.design_effect <= reference.events:
        yield "design_effect", f"{reference.design_effect}; needs 1 to {reference.events}"
    if PREDICTION in reference.features:
        yield f"features.{PREDICTION}", "has the name of the model's answers; call the feature something else"
    columns = {f"features.{name}": column for name, column in reference.features.items()}
    if reference.prediction is not None:
        columns["prediction"] = reference.prediction
    if reference.confidence is not None:
        columns["confidence.profile"] = reference.confidence.profile
        yield from _confidence_problems(reference.confidence)
    yield from _labelled_problems(reference)
    yield from _embedding_problems(reference.embedding)
    if reference.outliers is not None:
        yield from _limits_problems(reference.outliers)
    yield from _slots_problems(reference)
    for field, column in columns.items():
        if min(column.cells) < 0 or sum(column.cells) != reference.events:
            yield field, f"counts and missing add up to {sum(column.cells)}; events is {reference.events}"
        yield from ((field, message) for message in _shape_problems(column))


def _confidence_problems(known: Confidence) -> Iterator[tuple[str, str]]:
    rows = sum(known.profile.counts)
    if not 0 <= known.below <= rows or not rows:
        yield "confidence.below", f"{known.below}; needs 0 to {max(rows, 1)}, the rows that have a confidence"
    named = {"low": known.low, "profile.low": known.profile.low, "profile.high": known.profile.high}
    for field, value in named.items():
        if value is None or not 0 <= value <= 1:
            yield f"confidence.{field}", f"{value}; needs 0 to 1"


def _labelled_problems(reference: Reference) -> Iterator[tuple[str, str]]:
    if known := reference.calibration:
        cells = (len(known.classes) + 1) * (len(known.edges) + 2)
        if not len(known.counts) == len(known.right) == cells:
            found = f"{len(known.counts)} counts and {len(known.right)} right"
            yield "calibration", f"has {found}; {len(known.classes)} classes and {len(known.edges)} edges need {cells}"
        if any(not 0 <= right <= rows for rows, right in zip(known.counts, known.right, strict=False)):
            yield "calibration.right", "needs 0 to as many as counts"
        if any(low >= high for low, high in pairwise(known.edges)):
            yield "calibration.edges", "must grow"
        if len(known.others) > KNOWN:
            yield "calibration.others", f"has {len(known.others)} names; needs at most {KNOWN}"
        if reference.performance is None:
            yield "performance", "is missing; calibration needs it"
    if (found_so := reference.performance) and not 0 <= found_so.wrong <= found_so.events > 0:
        yield "performance", f"{found_so.wrong} wrong of {found_so.events}; needs 0 to events, of which at least 1"


def _embedding_problems(known: Embedding | None) -> Iterator[tuple[str, str]]:
    if known is None:
        return
    if not 1 <= known.dimension <= MAX_DIMENSION or len(known.mean) != known.dimension:
        yield "embedding.dimension", f"{known.dimension}, and mean has {len(known.mean)}; needs 1 to {MAX_DIMENSION}"
    if len(known.centroids) != 4 * known.dimension * len(known.counts):
        needed = 4 * known.dimension * len(known.counts)
        yield "embedding.centroids", f"has {len(known.centroids)} bytes; {len(known.counts)} counts need {needed}"
    if not 0 <= known.beyond <= sum(known.counts) <= known.rows or min(known.counts, default=0) < 0:
        yield (
            "embedding.counts",
            f"{known.beyond} far of {sum(known.counts)} of {known.rows} rows; none may be negative",
        )
    spreads = 0 <= known.spread < math.inf and 0 <= known.spread_squared < math.inf
    if not known.counts or not -1100 < known.exponent < 1100 or not spreads:
        yield "embedding", "has no counts, or an exponent or a spread that cannot be"


def _limits_problems(outliers: Outliers) -> Iterator[tuple[str, str]]:
    if outliers.events < 1:
        yield "outliers.events", f"{outliers.events}; needs at least 1"
    if len(outliers.limits) > len(STRANGE):
        yield "outliers.limits", f"has {len(outliers.limits)}; needs at most {len(STRANGE)}, of {STRANGE}"
    if any(left > right for left, right in zip(outliers.limits, outliers.limits[1:], strict=False)):
        yield "outliers.limits", "must not fall"


def _slots_problems(reference: Reference) -> Iterator[tuple[str, str]]:
    if (slots := reference.slots) is None:
        return
    hours = 24 if slots.kind == "hour-of-day" else 168
    if len(slots.events) != hours or min(slots.events) < 0:
        yield "slots.events", f"has {len(slots.events)} hours; {slots.kind} has {hours}, and none is negative"
    if set(slots.features) != set(reference.features):
        yield "slots.features", "needs the same features as the reference"
    columns: dict[str, Column | None] = {**reference.features, "": reference.prediction}
    for name, rows in {**slots.features, "": slots.prediction}.items():
        if (column := columns.get(name)) is None:
            continue
        sizes = {len(row) for row in rows}
        if len(rows) != hours or sizes != {len(column.cells)} or min(map(min, rows)) < 0:
            yield f"slots.features.{name}" if name else "slots.prediction", "needs a count per hour and cell"


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
