"""`burnline score`: a table judged window by window, by the detectors that the service runs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from burnline.app.progress import Progress
from burnline.app.score_page import Page
from burnline.collectors.predictions.events import STRANGERS_KEPT
from burnline.detectors.build import build_detectors
from burnline.detectors.columns import ColumnReader, Values
from burnline.detectors.contract import Detector, Judgement
from burnline.detectors.drift import EVIDENCE
from burnline.detectors.profile import Number, Reference, load_reference
from burnline.detectors.sketch import Sketch
from burnline.detectors.tables.blocks import Block, Table, pick
from burnline.detectors.tables.open import open_table
from burnline.errors import BurnlineError
from burnline.events import Contributor, PredictionBatch, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store.schema import EPOCH

# What the command line calls a signal, and what the service file calls it.
SIGNALS = {"drift": "drift", "quality": "data", "confidence": "confidence", "skew": "training_skew"}
PREDICTION = "(prediction)"
BY_COLUMN = ("drift", "skew")  # each column needs values of its own
DIGITS = 6
LEAST = 100  # rows that a window needs, unless it is shorter than that
Said = Callable[[int], None]  # told how many rows are done


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be scored.

    Attributes:
        signal: as on the command line, a key of SIGNALS.
        window: rows; None makes one window of the whole table.
        features: these alone; empty means all.
        columns: which column holds what is no feature: `prediction`, `confidence`; others of these are left out.
        options: fields of the signal's section of a service file.
    """

    signal: str
    window: int | None = None
    features: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """A closed window: the rows it holds, counted from 0, and what the detector says of them."""

    number: int
    start: int
    end: int
    judgement: Judgement
    scores: Mapping[str, Contributor]


def score_table(
    asked: Asked, reference: Reference, table: Table, said: Said, page: Page | None = None
) -> Iterator[dict[str, Any]]:
    """One record per closed window and feature, in order; the last one sums up. `page` is told of all of them.

    The same rows give the same records, whatever they are read from.

    Raises: SpecError for a table that cannot be read; BurnlineError for what was asked wrongly.
    """
    pick(table, asked.columns.values())
    job = _Job(asked, _only(reference, asked), table)
    summary = _Summary(asked)
    for window in job.windows(summary, said):
        for record, found in job.records(window):
            summary.add(record)
            if page:
                page.take(record, found)
            yield record
        summary.close(window)
    yield summary.record()


def _only(reference: Reference, asked: Asked) -> Reference:
    """The reference with the features asked for; without hours, which rows of a table have not."""
    reference = msgspec.structs.replace(reference, slots=None)
    unknown = [name for name in asked.features if name not in reference.features and name != PREDICTION]
    if unknown:
        there = ", ".join([*list(reference.features)[:20], *([PREDICTION] if reference.prediction else [])])
        raise BurnlineError(f"--feature {unknown[0]}: the reference has no such feature; it has {there}")
    if not asked.features:
        return reference
    features = {name: column for name, column in reference.features.items() if name in asked.features}
    answers = reference.prediction if PREDICTION in asked.features else None
    return msgspec.structs.replace(reference, features=features, prediction=answers)


class _Job:
    """One table scored against one reference."""

    def __init__(self, asked: Asked, reference: Reference, table: Table) -> None:
        self._asked = asked
        self._reference = reference
        self._table = table
        self._reader = ColumnReader(reference)
        self._detector, self._limit = _detector(asked, reference)
        others = {*asked.columns.values(), *asked.ignore}
        self._known = [name for name in reference.features if name not in others]
        self._unknown: list[str] = []
        if not asked.features:
            self._unknown = [name for name in table.columns if name not in others and name not in reference.features]

    def windows(self, summary: _Summary, said: Said) -> Iterator[Window]:
        size = self._asked.window
        sketch, start, number, memory = self._detector.empty(), 0, 0, b""
        for block in self._blocks():
            at = 0
            while at < block.rows:
                stop = block.rows if size is None else min(block.rows, at + start + size - summary.rows)
                sketch = sketch + self._detector.fold(self._reader.read(self._batch(block.part(at, stop))))
                summary.rows, at = summary.rows + stop - at, stop
                if summary.rows - start == size:
                    window = self._judged(sketch, number, start, summary.rows, memory)
                    memory = window.judgement.memory
                    yield window
                    sketch, start, number = self._detector.empty(), summary.rows, number + 1
            said(summary.rows)
        if size is None and summary.rows:
            yield self._judged(sketch, number, start, summary.rows, memory)

    def _judged(self, sketch: Sketch, number: int, start: int, end: int, memory: bytes) -> Window:
        judgement = self._detector.judge(sketch, memory)
        scores = {each.feature: each for each in judgement.contributors}
        if judgement.verdict is not Verdict.NO_DATA and (every := getattr(self._detector, "scores", None)):
            scores = {each.feature: each for each in every(sketch)} | scores
        return Window(number, start, end, judgement, scores)

    def _blocks(self) -> Iterator[Block]:
        columns, features = self._asked.columns, self._reference.features
        numbers = {name for name in self._known if isinstance(features[name], Number)}
        if isinstance(self._reference.prediction, Number):
            numbers.add(columns.get("prediction", ""))
        numbers.add(columns.get("confidence", ""))
        return self._table.blocks({*self._known, *columns.values()}, numbers)

    def _batch(self, block: Block) -> PredictionBatch:
        nothing: list[Any] = [None] * block.rows
        answers: Any = block.columns.get(self._asked.columns.get("prediction", ""), nothing)
        sureness: Any = _sure(block.columns.get(self._asked.columns.get("confidence", ""), nothing))
        features: dict[str, Any] = {name: block.columns[name] for name in self._known if name in block.columns}
        strangers = {name: [True] * block.rows for name in self._unknown[:STRANGERS_KEPT]}
        unknown = [len(self._unknown)] * block.rows
        return PredictionBatch("score", "", EPOCH, features, answers, sureness, unknown, strangers=strangers)

    def records(self, window: Window) -> Iterator[tuple[dict[str, Any], Contributor | None]]:
        """One for each feature, in the order of the reference, and what the detector says of it."""
        said = window.judgement
        names = dict.fromkeys([*self._features(), *window.scores])
        for name in names:
            found = window.scores.get(name)
            if len(names) == 1:
                score, verdict = said.score, said.verdict
            else:
                score, verdict = self._share(said, found)
            record = {
                "signal": self._asked.signal,
                "window": window.number,
                "start": window.start,
                "end": window.end,
                "feature": name,
                "score": score if score is None else round(score, DIGITS),
                "verdict": verdict.value,
                "alarm": verdict is Verdict.ALARM,
                "contributors": [_plain(found)] if found and (found.score > 0 or verdict is Verdict.ALARM) else [],
                "reason": _reason(said, found, verdict),
            }
            yield record, found

    def _share(self, said: Judgement, found: Contributor | None) -> tuple[float | None, Verdict]:
        """One feature's part in a judgement: of a window in alarm, the features over the limit are."""
        score = None if said.score is None else found.score if found else 0.0
        if found is None and self._asked.signal in BY_COLUMN:
            return None, Verdict.NO_DATA
        if said.verdict is not Verdict.ALARM:
            return score, said.verdict
        over = (score or 0.0) > self._limit or (found is not None and found.shown.get(EVIDENCE, 0.0) >= 1)
        return score, Verdict.ALARM if over else Verdict.OK

    def _features(self) -> Sequence[str]:
        if self._asked.signal == "confidence":
            return ["(confidence)"]
        answers = "prediction" in self._asked.columns and self._reference.prediction is not None
        return [
            *self._reference.features,
            *([PREDICTION] if answers and self._asked.signal in ("drift", "skew") else []),
        ]


def _detector(asked: Asked, reference: Reference) -> tuple[Detector, float]:
    """The detector as a service file would make it, and the score above which a feature is in alarm."""
    name = SIGNALS[asked.signal]
    least = {} if asked.window is None else {"min_events": min(asked.window, LEAST)}
    head = {"apiVersion": "burnline/v1", "service": "score", "owner": "score"}
    spec = ServiceSpec.model_validate({**head, "signals": {name: {**least, **asked.options}}})
    detectors = build_detectors(spec, reference)
    if name not in detectors:
        raise BurnlineError(f"score {asked.signal}: this burnline has no such detector")
    return detectors[name], float(getattr(getattr(spec.signals, name), "threshold", 0.0))


def _sure(column: Values) -> Any:
    """Confidences; what is no number is none."""
    if isinstance(column, list):
        return np.array([value if isinstance(value, float) else np.nan for value in column], dtype=np.float64)
    return column


def _reason(said: Judgement, found: Contributor | None, verdict: Verdict) -> str:
    if found is not None and found.detail:
        return found.detail
    if verdict is Verdict.NO_DATA and said.verdict is not Verdict.NO_DATA:
        return "Too few values in the window."
    return "Nothing beyond what is allowed." if said.verdict is Verdict.ALARM and said.contributors else said.reason


def _plain(found: Contributor) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(found).items() if value or name == "score"}
    return {**plain, "score": round(found.score, DIGITS)}


class _Summary:
    """What all windows together say."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.rows = 0
        self.windows = self.alarms = self.silent = 0
        self._first: int | None = None
        self._features: dict[str, dict[str, Any]] = {}
        self._end = 0

    def add(self, record: Mapping[str, Any]) -> None:
        if record["score"] is None:
            return
        known = self._features.setdefault(record["feature"], {"alarms": 0, "worst": 0.0, "first_alarm": None})
        known["worst"] = max(known["worst"], record["score"])
        if record["alarm"]:
            known["alarms"] += 1
            known["first_alarm"] = record["window"] if known["first_alarm"] is None else known["first_alarm"]

    def close(self, window: Window) -> None:
        self.windows, self._end = self.windows + 1, window.end
        self.silent += window.judgement.verdict is Verdict.NO_DATA
        if window.judgement.verdict is Verdict.ALARM:
            self.alarms += 1
            self._first = window.number if self._first is None else self._first

    def record(self) -> dict[str, Any]:
        judged = self.windows - self.silent
        verdict = Verdict.ALARM if self.alarms else Verdict.OK if judged else Verdict.NO_DATA
        return {
            "summary": True,
            "signal": self._asked.signal,
            "rows": self.rows,
            "windows": self.windows,
            "alarms": self.alarms,
            "no_data": self.silent,
            "first_alarm": self._first,
            "rows_left": self.rows - self._end,
            "verdict": verdict.value,
            "alarm": verdict is Verdict.ALARM,
            "features": self._features,
        }


def print_scores(records: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Write each record as a line of JSON; the last one, the summary, is returned."""
    last: Mapping[str, Any] = {}
    for last in records:
        sys.stdout.write(json.dumps(last, allow_nan=False) + "\n")
    return last


def run_score(asked: Asked, place: str, reference: Path, database: str, html: Path | None = None) -> bool:
    """Score a table as the command line asks, and draw it into `html`; True when a window is in alarm.

    Raises: SpecError for a reference or table that cannot be read; BurnlineError for what was asked wrongly.
    """
    known = load_reference(reference)
    table = open_table(place, database=database)
    asked = replace(asked, columns=_columns(asked, known, table))
    progress = Progress(table.name, time.monotonic)

    def said(rows: int) -> None:
        sys.stdout.flush()  # who reads along gets whole windows
        progress(rows)

    page = Page() if html else None
    summary = print_scores(score_table(asked, known, table, said, page))
    if html and page:
        html.write_text(page.html(table.name, reference.name, summary), "utf-8", errors="replace")
    windows = f"{summary['windows']:,} windows, {summary['alarms']:,} of them in alarm"
    sys.stderr.write(f"{table.name}: {summary['rows']:,} rows, {windows}\n")
    return bool(summary["alarm"])


def _columns(asked: Asked, reference: Reference, table: Table) -> Mapping[str, str]:
    """The columns that are no features: as given, else as they were called where the reference was made."""
    made = {role: name for role, name in reference.columns.items() if name in table.columns}
    given = {role: name for role, name in asked.columns.items() if name}
    return {**made, **given}
