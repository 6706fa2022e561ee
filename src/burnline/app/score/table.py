"""Scoring a table: its rows window by window, as one of the service's detectors judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import msgspec
from pydantic import ValidationError

from burnline.app.score.joined import JoinedRows
from burnline.app.score.page import Page
from burnline.app.score.records import Records, Summary, Window
from burnline.app.score.rows import Rows, TableRows
from burnline.app.score.verbs import JOINED, VERBS, Verb
from burnline.detectors.build import NOTHING, build_detectors
from burnline.detectors.contract import Detector
from burnline.detectors.engines.choose import engine_flaws, rows_flaws
from burnline.detectors.engines.desk import Desk
from burnline.detectors.profile import PREDICTION, Number, Reference
from burnline.detectors.sketch import Sketch
from burnline.detectors.statistics.lasting import OfRows
from burnline.detectors.tables.blocks import Table, pick
from burnline.errors import BurnlineError
from burnline.events import Verdict
from burnline.spec.quality import SkewSpec
from burnline.spec.section import Section
from burnline.spec.service import ServiceSpec

LEAST = 100  # rows that a window needs, unless it is shorter than that
SHOWN = 20  # names in a message
Said = Callable[[int], None]  # told how many rows are done


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be scored.

    Attributes:
        verb: as on the command line, a key of VERBS.
        window: rows; None makes one window of the whole table.
        features: these alone; empty means all.
        columns: by what it holds (`prediction`, `time`), the column that is no feature.
        ignore: columns that are no features either.
        options: fields of the signal's section of a service file.
        id: with a table of training, the column by which both tables are joined.
        tolerances: by which numbers may differ there: `1%`, or `NAME=1%` for one feature.
        desk: makes where libraries are asked.
    """

    verb: str
    window: int | None = None
    features: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    tolerances: tuple[str, ...] = ()
    desk: Callable[[], Desk] = Desk


def score_table(
    asked: Asked,
    reference: Reference | None,
    table: Table,
    said: Said,
    page: Page | None = None,
    training: Table | None = None,
) -> Iterator[dict[str, Any]]:
    """One record per closed window and feature, in order; the last one sums up. `page` is told of all of them.

    The same rows give the same records, whatever they are read from. With `training` they are compared with its rows of
    the same `id`, and without a reference it is all columns that both have.

    Raises: SpecError for a table that cannot be read; BurnlineError for what was asked wrongly.
    """
    verb, columns = VERBS[asked.verb], _columns(asked, reference, table)
    pick(table, [*columns.values(), *([asked.id] if training else [])])
    if training is None:
        yield from _scored(verb, asked, _table_rows(verb, asked, reference or NOTHING, table, columns), said, page)
        return
    verb, asked = replace(verb, signal=JOINED), replace(asked, options={**asked.options, **_tolerances(asked)})
    section: SkewSpec = getattr(_spec(verb, asked).signals, JOINED)
    others, wanted, numbers = [*columns.values(), *asked.ignore], _wanted(asked, reference), _numbers(reference)
    joined = JoinedRows(table, training, asked.id, section, wanted=wanted, others=others, numbers=numbers, said=said)
    with joined as rows:
        yield from _scored(verb, asked, rows, said, page)


def doubts(asked: Asked, reference: Reference | None, table: Table) -> list[str]:
    """What the reference knows of and this table has under no name that is known: less is judged without it."""
    if reference is None or asked.id:
        return []
    verb, found = VERBS[asked.verb], _columns(asked, reference, table)
    lacking = [role for role in verb.columns if role not in found and role not in verb.needs]
    if asked.features and PREDICTION not in asked.features and "prediction" in lacking:
        lacking.remove("prediction")
    told = {role: f"no {role} is looked at" for role in lacking if role in reference.columns}
    if "time" in lacking and reference.slots:
        told["time"] = "rows are compared with all hours of the reference together"
    else:
        told.pop("time", None)
    names = {role: reference.columns.get(role, role) for role in told}
    roles = [f"has no column {names[role]}, so {what}; --{role} COLUMN names another" for role, what in told.items()]
    return [*roles, *_absent(verb, asked, reference, table)]


def _absent(verb: Verb, asked: Asked, reference: Reference, table: Table) -> list[str]:
    """Features that the table has no column of: it may be called otherwise, or be the wrong table."""
    there = {*table.columns, PREDICTION}
    absent = [name for name in _wanted(asked, reference) if name not in there] if verb.features else []
    named = ", ".join(absent[:SHOWN]) + (f" and {len(absent) - SHOWN:,} more" if len(absent) > SHOWN else "")
    return [f"has no column of these features, so all their values are missing: {named}"] if absent else []


def _scored(verb: Verb, asked: Asked, rows: Rows, said: Said, page: Page | None) -> Iterator[dict[str, Any]]:
    with closing(asked.desk()) as desk:
        detector, limit = _detector(verb, asked, rows.reference, desk)
        yield from _recorded(detector, limit, verb, asked, rows, said, page)


def _recorded(
    detector: Detector, limit: float, verb: Verb, asked: Asked, rows: Rows, said: Said, page: Page | None
) -> Iterator[dict[str, Any]]:
    records, summary = Records(verb, rows, limit), Summary(verb)
    if page:
        page.limit = limit or None
    for window in _windows(detector, asked.window, rows, summary, said):
        for record, found in records.of(window):
            summary.add(record)
            if page:
                page.take(record, found)
            yield record
        summary.close(window)
    yield summary.record(rows.told())


def _windows(detector: Detector, size: int | None, rows: Rows, summary: Summary, said: Said) -> Iterator[Window]:
    sketch, start, number, memory = detector.empty(), 0, 0, b""
    for block in rows.blocks():
        at = 0
        while at < block.rows:
            stop = block.rows if size is None else min(block.rows, at + start + size - summary.rows)
            sketch = sketch + detector.fold(rows.read(block.part(at, stop), summary.rows))
            summary.rows, at = summary.rows + stop - at, stop
            if summary.rows - start == size:
                window = _judged(detector, sketch, number, start, summary.rows, memory)
                memory = window.judgement.memory
                yield window
                sketch, start, number = detector.empty(), summary.rows, number + 1
        said(summary.rows)
    if size is None and summary.rows:
        yield _judged(detector, sketch, number, start, summary.rows, memory)


def _judged(detector: Detector, sketch: Sketch, number: int, start: int, end: int, memory: bytes) -> Window:
    judgement = detector.judge(sketch, memory)
    scores = {each.feature: each for each in judgement.contributors}
    if judgement.verdict is not Verdict.NO_DATA and (every := getattr(detector, "scores", None)):
        scores = {each.feature: each for each in every(sketch)} | scores
    return Window(number, start, end, judgement, scores)


def _detector(verb: Verb, asked: Asked, reference: Reference, desk: Desk) -> tuple[Detector, float]:
    """The detector as a service file would make it, and the score above which a feature is in alarm."""
    spec = _spec(verb, asked)
    for flaw in chain(engine_flaws(spec), rows_flaws(spec, reference)):
        raise BurnlineError(f"--engine: {flaw.message}")
    detectors = build_detectors(spec, reference, desk)
    if verb.signal not in detectors:
        raise BurnlineError(f"score {asked.verb}: this burnline has no such detector")
    return detectors[verb.signal], spec.signals.limit(verb.signal) or 0.0


def _spec(verb: Verb, asked: Asked) -> ServiceSpec:
    """Of a service with this signal alone. Raises: BurnlineError naming an option."""
    least = {} if asked.window is None else {"min_events": min(asked.window, LEAST)}
    head = {"apiVersion": "burnline/v1", "service": "score", "owner": "score"}
    try:
        spec = ServiceSpec.model_validate({**head, "signals": {verb.signal: {**least, **asked.options}}})
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][2]).replace("_", "-") if len(first["loc"]) > 2 else ""
        raise BurnlineError(f"--{option}: {first['msg'].removeprefix('Value error, ')}") from error
    section: Section = getattr(spec.signals, verb.signal)
    section = section.model_copy(update={"window": OfRows(seconds=section.window.total_seconds())})
    return spec.model_copy(update={"signals": spec.signals.model_copy(update={verb.signal: section})})


def _tolerances(asked: Asked) -> dict[str, Any]:
    """As a section has them; `NAME=` in front may hold a `=` itself."""
    found: dict[str, Any] = {"tolerances": {}}
    for said in asked.tolerances:
        name, of_one, share = said.rpartition("=")
        value = float(share) if share.replace(".", "", 1).isdecimal() else share
        if of_one:
            found["tolerances"][name] = value
        else:
            found["tolerance"] = value
    return found


def _numbers(reference: Reference | None) -> frozenset[str] | None:
    """Which columns of a CSV file are numbers, where a reference knows."""
    if reference is None:
        return None
    return frozenset(name for name, column in reference.features.items() if isinstance(column, Number))


def _columns(asked: Asked, reference: Reference | None, table: Table) -> dict[str, str]:
    """The columns that are no features: as given, else as they were called where the reference was made."""
    made = {role: name for role, name in reference.columns.items() if name in table.columns} if reference else {}
    return {**made, **{role: name for role, name in asked.columns.items() if name}}


def _table_rows(verb: Verb, asked: Asked, reference: Reference, table: Table, columns: dict[str, str]) -> TableRows:
    for role in verb.needs:
        if role not in columns:
            message = f"score {asked.verb}: needs the column with the {role}: --{role} COLUMN; there is {_some(table)}"
            raise BurnlineError(message)
    if asked.columns.get("time") and reference.slots is None:
        message = "--time: the reference does not tell hours apart; profile it with --time and --slots"
        raise BurnlineError(message)
    if "time" not in columns or "time" not in verb.columns:
        reference = msgspec.structs.replace(reference, slots=None)
    if not verb.features:
        reference, strangers = msgspec.structs.replace(reference, features={}), False
    else:
        reference, strangers = _only(reference, asked), not asked.features
    return TableRows(verb, reference, table, columns, asked.ignore, strangers=strangers)


def _only(reference: Reference, asked: Asked) -> Reference:
    """The reference with the features asked for."""
    wanted = _wanted(asked, reference)
    if not asked.features:
        return reference
    features = {name: column for name, column in reference.features.items() if name in wanted}
    answers = reference.prediction if PREDICTION in asked.features else None
    return msgspec.structs.replace(reference, features=features, prediction=answers)


def _wanted(asked: Asked, reference: Reference | None) -> tuple[str, ...]:
    """The features asked for, those of the reference where none is; nothing without one means all there are."""
    if reference is None:
        return asked.features
    unknown = [name for name in asked.features if name not in reference.features and name != PREDICTION]
    if unknown:
        there = ", ".join([*list(reference.features)[:SHOWN], *([PREDICTION] if reference.prediction else [])])
        raise BurnlineError(f"--feature {unknown[0]}: the reference has no such feature; it has {there}")
    return asked.features or tuple(reference.features)


def _some(table: Table) -> str:
    return ", ".join(table.columns[:SHOWN]) + (", ..." if len(table.columns) > SHOWN else "")
