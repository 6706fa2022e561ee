"""Making a reference profile of training data: of columns in memory, or of a table of any size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import msgspec
import numpy as np

from burnline.detectors.centroids import build_embedding
from burnline.detectors.columns import ColumnReader, Values
from burnline.detectors.engines.sampled import COLUMNS, reference_rows
from burnline.detectors.labelled.reference import build_labelled
from burnline.detectors.profile import PREDICTION, VERSION, Reference
from burnline.detectors.profiling.kept import Kept, design_effect
from burnline.detectors.profiling.summary import Summary
from burnline.detectors.seasons import Kind, build_slots
from burnline.detectors.strangeness import ENOUGH, measure_outliers
from burnline.detectors.tables.blocks import Table, find_numbers, pick
from burnline.detectors.tables.csv import CsvTable
from burnline.detectors.tables.moments import as_microseconds
from burnline.detectors.tables.vectors import as_vectors, width
from burnline.errors import Problem, SpecError
from burnline.events import PredictionBatch
from burnline.store.schema import EPOCH

LOW_QUANTILE = 0.05  # of confidence
IN_MEMORY = 1 << 22  # values held for all columns together before they go to disk
LEAST_ROOM = 1 << 10  # of one column
MOST_ROWS = 100_000  # kept whole, for what needs rows and not columns
MOST_VALUES = 2_000_000  # in them
LEAST_KEPT = 500
LEAST_SESSIONS = 30
NO_ROWS = "has no rows; a profile needs at least one"
SESSION = "(session)"
TIME = "(time)"
LABELLED = ("prediction", "confidence", "label")
EMBEDDED_BYTES = 64 * 1024 * 1024
Said: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column holds what is no feature; empty where none does.

    Attributes:
        label: the truth, where it is known.
        session: whose rows are alike (a user, a visit): rows of one session are no independent observations.
        time: when the event was, for `slots`: the hours that are told apart, `hour-of-day` or `hour-of-week`.
        ignore: columns that are left out.
    """

    prediction: str = ""
    confidence: str = ""
    label: str = ""
    session: str = ""
    embedding: str = ""
    ignore: tuple[str, ...] = ()
    time: str = ""
    slots: Kind | None = None

    def named(self) -> dict[str, str]:
        """Role and column, of those there are."""
        roles = ("prediction", "confidence", "label", "session", "embedding", "time")
        return {role: column for role in roles if (column := getattr(self, role))}


def build_profile(
    columns: Mapping[str, Sequence[Any]],
    prediction: Sequence[Any] | None = None,
    confidence: Sequence[Any] | None = None,
    *,
    name: str,
    label: Sequence[Any] | None = None,
    session: Sequence[Any] | None = None,
    rows: int = 0,
) -> Reference:
    """Profile training data given in columns of one length; None and NaN are missing.

    Build it from the values the service will send: text stays text, numbers stay numbers. `label` holds the truth where
    it is known, `session` whose rows are alike. `rows` of them are kept as they are, for engines that need rows.

    Raises: SpecError naming every column that cannot be used.
    """
    others = {"prediction": prediction, "confidence": confidence, "label": label, "session": session}
    given: dict[str, Any] = {role: column for role, column in others.items() if column is not None}
    lengths = {len(column) for column in (*columns.values(), *given.values())}
    if lengths == {0}:
        raise SpecError([Problem(name, 0, "", NO_ROWS)])
    if len(lengths) != 1:
        found = f"columns need one length, above 0; found {sorted(lengths) or 'none'}"
        raise SpecError([Problem(name, 0, "", found)])
    _check_names(name, columns)
    length = lengths.pop()
    with TemporaryDirectory(prefix="burnline-") as folder:
        profiler = _Profiler(list(columns), list(given), Path(folder), room=length, rows=rows)
        in_memory: dict[str, Any] = dict(columns)
        profiler.add(length, in_memory, given)
        return profiler.reference(name, name)


def profile_table(table: Table, roles: Roles, *, name: str, said: Said = lambda rows: None, rows: int = 0) -> Reference:
    """Profile a table of any size in bounded memory: what does not fit waits on disk, in the temporary folder.

    The same rows give the same profile as `build_profile`, as far as no sample is needed (the parts made from whole
    rows: design effect, labels, embeddings, outliers, those rows). A CSV file is read twice: a column is numbers when
    all its non-empty cells are.

    Raises: SpecError for a table that cannot be read or used, naming the file and each column.
    """
    special = roles.named()
    _check_names(table.name, {*table.columns} - {*special.values(), *roles.ignore})
    pick(table, [*special.values(), *roles.ignore])
    features = [name for name in table.columns if name not in {*special.values(), *roles.ignore}]
    numbers = find_numbers(table, said)
    wanted = {*features, *special.values()}
    with TemporaryDirectory(prefix="burnline-") as folder:
        room = max(IN_MEMORY // max(len(wanted), 1), LEAST_ROOM)
        profiler = _Profiler(features, list(special), Path(folder), room=room, rows=rows, slots=roles.slots)
        for block in table.blocks(wanted, numbers):
            of_features = {name: block.columns[name] for name in features}
            profiler.add(block.rows, of_features, {role: block.columns[column] for role, column in special.items()})
            said(profiler.rows)
        if not profiler.rows:
            raise SpecError([Problem(table.name, 0, "", NO_ROWS)])
        reference = profiler.reference(table.name, name)
    return msgspec.structs.replace(reference, columns=special, ignored=roles.ignore)


def profile_csv(
    path: Path, *, prediction: str | None = None, confidence: str | None = None, name: str | None = None
) -> Reference:
    """Profile a CSV file with a header; a column is numbers when all its non-empty cells are.

    Raises: SpecError for an unreadable file, a bad header, a ragged row (with its line), a column not found.
    """
    return profile_table(CsvTable(str(path)), Roles(prediction or "", confidence or ""), name=name or path.stem)


class _Profiler:
    """Takes the rows block by block."""

    def __init__(
        self,
        features: list[str],
        roles: list[str],
        folder: Path,
        *,
        room: int,
        rows: int = 0,
        slots: Kind | None = None,
    ) -> None:
        self._features = {name: Summary(folder / f"f{at}", room) for at, name in enumerate(features)}
        self._others = {role: Summary(folder / role, room) for role in ("prediction", "confidence") if role in roles}
        enough = MOST_ROWS if "session" in roles else ENOUGH
        self._kept = Kept(min(enough, max(MOST_VALUES // max(len(features), 1), LEAST_KEPT)))
        self._labelled = Kept(MOST_ROWS)
        self._embedded: Kept | None = None
        self._wanted = rows
        self._plain = Kept(2 * rows)
        self._timed = Kept(MOST_VALUES // max(len(features), 1))
        self._slots = slots
        self._roles = roles
        self.rows = 0

    def add(self, rows: int, features: Mapping[str, Values], others: Mapping[str, Values]) -> None:
        self.rows += rows
        for name, column in features.items():
            self._features[name].add(column)
        for role, summary in self._others.items():
            summary.add(others[role])
        if "session" in others:
            self._kept.add(rows, {**features, SESSION: others["session"]}, others["session"])
        else:
            self._kept.add(rows, features)
        if self._wanted:
            self._plain.add(rows, dict(list(features.items())[:COLUMNS]) | _answers(others))
        if self._slots:
            self._timed.add(rows, {**features, **_answers(others), TIME: others["time"]})
        if "label" in others:
            self._labelled.add(rows, {role: others[role] for role in LABELLED if role in others})
        if "embedding" in others:
            self._embed(rows, others["embedding"])

    def _embed(self, rows: int, column: Values) -> None:
        if self._embedded is None:
            self._embedded = Kept(EMBEDDED_BYTES // (4 * max(width(column), 1)))
        self._embedded.add(rows, {"embedding": column})

    def reference(self, file: str, name: str) -> Reference:
        """Raises: SpecError naming every column that cannot be used."""
        features = {feature: summary.column() for feature, summary in self._features.items()}
        answers = self._others["prediction"].column() if "prediction" in self._others else None
        sureness = self._others["confidence"].confidence(LOW_QUANTILE) if "confidence" in self._others else None
        summaries = [*self._features.items(), *self._others.items()]
        problems = {field: each.problem for field, each in summaries if each.problem}
        if "label" in self._roles and answers is None:
            problems["label"] = "is of no use without the column of predictions; name it as well"
        if problems:
            raise SpecError([Problem(file, 0, field, problem) for field, problem in problems.items()])
        reference = Reference(VERSION, name, self.rows, features, answers, sureness)
        try:
            return self._with_rows(reference)
        except ValueError as error:
            raise SpecError([Problem(file, 0, "", str(error))]) from error

    def _with_rows(self, reference: Reference) -> Reference:
        """Adds what whole rows say. Raises: ValueError."""
        rows = {name: self._kept.column(name) for name in reference.features}
        found: dict[str, Any] = {"outliers": measure_outliers(reference, rows)}
        if "session" in self._roles:
            found["design_effect"] = _design_effect(reference, self._kept)
        if "label" in self._roles:
            answers, sureness, truth = (self._labelled.column(role) for role in LABELLED)
            found["calibration"], found["performance"] = build_labelled(answers, sureness, truth)
        if self._wanted:
            names = [*list(reference.features)[:COLUMNS], *_answers(dict.fromkeys(self._roles))]
            found["rows"] = reference_rows({name: self._plain.column(name) for name in names}, most=self._wanted)
        if self._slots:
            found["slots"] = build_slots(reference, self._slots, [_timed(reference, self._timed)])
        if self._embedded is not None:
            found["embedding"] = build_embedding(as_vectors(self._embedded.column("embedding")))
        return msgspec.structs.replace(reference, **found)


def _check_names(file: str, features: Collection[str]) -> None:
    """Raises: SpecError for features that are called as something else is among them."""
    taken = [name for name in (PREDICTION, SESSION, TIME) if name in features]
    message = "is what burnline calls something else; call the feature something else, or --ignore it"
    if taken:
        raise SpecError([Problem(file, 0, name, message) for name in taken])


def _answers(others: Mapping[str, Any]) -> dict[str, Any]:
    """The model's answers under the name that they have among features."""
    return {PREDICTION: others["prediction"]} if "prediction" in others else {}


def _timed(reference: Reference, kept: Kept) -> PredictionBatch:
    """The kept rows with their moments. Raises: ValueError for one that has none."""
    features = {name: kept.column(name) for name in reference.features}
    at = as_microseconds(kept.column(TIME))
    return PredictionBatch("", "", EPOCH, features, kept.column(PREDICTION), [None] * kept.rows, [], at)


def _design_effect(reference: Reference, kept: Kept) -> float:
    """That of the feature whose values are most alike within a session. Raises: ValueError."""
    named = [f"{at}" if session is None else f"={session}" for at, session in enumerate(kept.column(SESSION))]
    found, sessions = np.unique(np.array(named, dtype=object).astype(str), return_inverse=True)
    if len(found) < LEAST_SESSIONS:
        raise ValueError(
            f"session: {len(found)} different ones; needs {LEAST_SESSIONS} to tell how alike their rows are"
        )
    nothing: list[Any] = [None] * kept.rows
    features = {name: kept.column(name) for name in reference.features}
    batch = PredictionBatch("", "", EPOCH, features, nothing, nothing, [])
    columns = ColumnReader(reference).read(batch)
    effects = [design_effect(columns.feature(name).cells, sessions) for name in reference.features]
    return round(max(effects, default=1.0), 4)
