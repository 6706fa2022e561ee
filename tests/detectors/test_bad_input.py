"""Odd columns on the whole road, from the training table by both doors to the finding: each has its defined answer.

Beside every one of them stands a steady feature that has drifted: what it scores must not depend on its neighbour.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.collectors.predictions.door import Receipt, accept_predictions
from burnline.collectors.predictions.events import Sent
from burnline.collectors.predictions.rules import rules_of
from burnline.detectors.engine import DetectorEngine
from burnline.detectors.profile import VERSION, Reference, load_reference, save_reference
from burnline.detectors.profiling.build import profile_csv
from burnline.errors import SpecError
from burnline.events import Finding, Verdict
from burnline.spec.service import ServiceSpec
from burnline.store import signals
from burnline.store.database import open_database

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
ROWS, EVENTS = 2000, 1000
OK, ALARM, NO_DATA = Verdict.OK, Verdict.ALARM, Verdict.NO_DATA
Column = Sequence[Any]
RNG = np.random.default_rng(1)


@dataclass(frozen=True)
class Answer:
    """What every signal says, and words of what it says of the odd column."""

    drift: Verdict = OK
    data: Verdict = OK
    outliers: Verdict = OK
    said: Sequence[str] = ()
    refused: int = 0
    receipt: str = ""


@dataclass(frozen=True)
class Case:
    """A column in training (as a CSV file has it) and live (as JSON has it); None: the column is not there."""

    trained: Column | None
    live: Column | None
    answer: Answer = field(default_factory=Answer)
    name: str = "odd"
    live_name: str = "odd"


def ids(prefix: str, count: int) -> list[str]:
    return [f"{prefix}-{number}" for number in range(count)]


def moments(first: int, count: int) -> list[float]:
    return [1.7e9 + 60.0 * (first + number) for number in range(count)]


def texts(first: int, count: int) -> list[str]:
    return [(START + timedelta(minutes=first + number)).isoformat() for number in range(count)]


CITIES = ["Oslo", "Graz", "Lyon", "Turin"]
NUMBERS = RNG.normal(0, 1, ROWS).tolist()
CASES = {
    "ordinary": Case(NUMBERS, RNG.normal(0, 1, EVENTS).tolist()),
    "constant": Case([7] * ROWS, [7] * EVENTS),
    "a constant that changed": Case(
        [7] * ROWS, [8] * EVENTS, Answer(ALARM, ALARM, ALARM, ["100.0% of its values are outside the range"])
    ),
    "empty in training": Case([""] * ROWS, [None] * EVENTS),
    "empty in training and there now": Case(
        [""] * ROWS, [1.5] * EVENTS, Answer(ALARM, OK, ALARM, ["100.0% of its values are present"])
    ),
    "all null": Case(NUMBERS, [None] * EVENTS, Answer(ALARM, ALARM, ALARM, ["100.0% of its values are missing"])),
    "half null as in training": Case(["", 1.0] * (ROWS // 2), [None, 1.0] * (EVENTS // 2)),
    "ids": Case(ids("a", ROWS), ids("b", EVENTS)),
    "huge cardinality": Case(
        [f"u{value}" for value in RNG.zipf(1.5, ROWS)],
        [f"u{value}" for value in RNG.zipf(1.5, EVENTS)],
    ),
    "numbers among labels": Case(
        CITIES * (ROWS // 4),
        ["Oslo", 7, "Lyon", 3.5] * (EVENTS // 4),
        Answer(ALARM, ALARM, ALARM, ["50.0% of its values are of the wrong type"]),
    ),
    "text among numbers": Case(
        NUMBERS,
        [0.5, "0.5"] * (EVENTS // 2),
        Answer(ALARM, ALARM, ALARM, ["50.0% of its values are of the wrong type"]),
    ),
    "digits as texts": Case(
        list(range(ROWS)), ids("7", EVENTS), Answer(ALARM, ALARM, ALARM, ["100.0% of its values are of the wrong type"])
    ),
    "moments as numbers": Case(
        moments(0, ROWS),
        moments(10**6, EVENTS),
        Answer(ALARM, ALARM, ALARM, ["100.0% of its values are outside the range"]),
    ),
    "moments as texts": Case(texts(0, ROWS), texts(10**6, EVENTS)),
    "a label nobody knew": Case(
        CITIES * (ROWS // 4),
        [*CITIES, "Atlantis"] * (EVENTS // 5),
        Answer(ALARM, ALARM, ALARM, ["20.0% of its values are new, unlike any in the reference"]),
    ),
    "added": Case(None, [1.0] * EVENTS, Answer(OK, ALARM, OK, ["features nobody knows: odd"], receipt="odd")),
    "dropped": Case(NUMBERS, None, Answer(ALARM, ALARM, ALARM, ["it is not sent any more"])),
    "renamed": Case(
        NUMBERS,
        NUMBERS[:EVENTS],
        Answer(ALARM, ALARM, ALARM, ["the feature seems to be called odd_eur now"], receipt="odd_eur"),
        live_name="odd_eur",
    ),
    "NUL": Case(
        CITIES * (ROWS // 4), [CITIES[n // 2 % 4] + "\0" * (n % 2) for n in range(EVENTS)], Answer(refused=EVENTS // 2)
    ),
    "half of a surrogate pair": Case(
        CITIES * (ROWS // 4),
        ["Oslo", "Gr\ud800az"] * (EVENTS // 2),
        Answer(ALARM, ALARM, ALARM, ["50.0% of its values are new"]),
    ),
    "numbers no float can tell apart": Case(
        [2.0**60 + n for n in range(ROWS)], [2.0**60 + 2 * n for n in range(EVENTS)]
    ),
    "the largest numbers": Case([1.7e308, -1.7e308] * (ROWS // 2), [1.7e308, -1.7e308] * (EVENTS // 2)),
    "a very long name": Case(NUMBERS, NUMBERS[:EVENTS], name="x" * 1000, live_name="x" * 1000),
}
ORDINARY = "ordinary"  # how much chance explains depends on how many features there are, so that one stands there
# Of the first, half of the events were refused at the door; the other has no neighbour in the reference.
SHORT = {"NUL", "added"}


@dataclass(frozen=True)
class Said:
    """What came out at the end of the road."""

    receipt: Receipt
    found: dict[str, Finding]


class Road:
    """From training tables and batches to findings, of one service after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._db = open_database(f"sqlite:///{folder}/burnline.db")
        self._services = 0
        self._cases: dict[tuple[str, bool], Said] = {}

    def close(self) -> None:
        self._db.close()

    def of_case(self, name: str, *, drifted: bool) -> Said:
        """What is said of a case beside the steady feature; made once."""
        if (name, drifted) not in self._cases:
            case = CASES[name]
            trained: dict[str, Column] = {"steady": STEADY}
            live: dict[str, Column] = {"steady": DRIFTED if drifted else FINE}
            if case.trained is not None:
                trained[case.name] = case.trained
            if case.live is not None:
                live[case.live_name] = case.live
            self._cases[name, drifted] = self.said(trained, live)
        return self._cases[name, drifted]

    def said(self, trained: dict[str, Column], live: dict[str, Column]) -> Said:
        return self.judged(profiled(self._folder, trained), live)

    def judged(self, reference: Path, live: dict[str, Column]) -> Said:
        """One batch, one window."""
        self._services += 1
        service = f"s{self._services}"
        spec = ServiceSpec.model_validate(
            {
                "apiVersion": "burnline/v1",
                "service": service,
                "owner": "team",
                "model": {"name": "m", "reference": str(reference)},
                "signals": {"drift": {}, "data": {}, "outliers": {}, "volume": {}, "skew": {}},
            }
        )
        engine = DetectorEngine(self._db, [spec], elapsed=lambda: 0.0)
        engine.run_once(START)
        events = len(next(iter(live.values())))
        body = json.dumps({"service": service, "columns": live, "prediction": [1.0] * events}).encode()
        known = {service: rules_of(spec, load_reference(reference).features)}
        receipt = accept_predictions(self._db, Sent(body), now=START, known=known)
        engine.run_once(START + WINDOW)
        with self._db.read() as tx:
            return Said(receipt, {one.signal: one for one in signals.latest_findings(tx, service)})


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    found = Road(tmp_path_factory.mktemp("road"))
    yield found
    found.close()


def profiled(folder: Path, columns: dict[str, Column]) -> Path:
    table, reference = folder / "train.csv", folder / "reference.json"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    save_reference(profile_csv(table), reference)
    return reference


STEADY = RNG.normal(0, 1, ROWS).tolist()
DRIFTED = RNG.normal(1, 1, EVENTS).tolist()
FINE = RNG.normal(0, 1, EVENTS).tolist()


def of(finding: Finding, feature: str) -> float:
    return next((one.score for one in finding.contributors if one.feature == feature), 0.0)


@pytest.mark.parametrize("name", CASES)
def test_an_odd_column_has_its_answer(road: Road, name: str) -> None:
    answer = CASES[name].answer

    said = road.of_case(name, drifted=False)

    assert (said.receipt.accepted, said.receipt.refused_count) == (EVENTS - answer.refused, answer.refused)
    assert answer.receipt in said.receipt.unknown_features or not answer.receipt
    verdicts = {signal: found.verdict for signal, found in said.found.items()}
    assert {**verdicts, "volume": NO_DATA, "skew": NO_DATA} == {
        "drift": answer.drift,
        "data": answer.data,
        "outliers": answer.outliers,
        "volume": NO_DATA,
        "skew": NO_DATA,
    }
    words = " ".join(f"{one.feature}: {one.detail}" for found in said.found.values() for one in found.contributors)
    assert all(each in words for each in answer.said), words
    assert all(found.score is None or 0 <= found.score <= 1 for found in said.found.values())


@pytest.mark.parametrize("name", sorted(CASES.keys() - SHORT))
def test_an_odd_column_changes_nothing_of_what_its_neighbour_scores(road: Road, name: str) -> None:
    ordinary = of(road.of_case(ORDINARY, drifted=True).found["drift"], "steady")

    beside = of(road.of_case(name, drifted=True).found["drift"], "steady")

    assert beside == ordinary > 0


def test_a_column_of_both_kinds_in_training_is_labels_and_said_to_be(tmp_path: Path) -> None:
    """A CSV file knows text alone: what is not all numbers is labels."""
    reference = load_reference(profiled(tmp_path, {"odd": ["1.5", "x"] * 500}))

    assert reference.features["odd"].kind == "category"


def test_a_table_without_rows_or_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    for number, text in enumerate(["a,b\n", "a,a\n1,2\n", "", "a,b\n1\n"]):
        table = tmp_path / f"{number}.csv"
        table.write_text(text)

        with pytest.raises(SpecError, match=f"{number}.csv"):
            profile_csv(table)


def test_a_reference_of_ten_rows_shows_impossible_values_and_says_what_it_cannot(road: Road) -> None:
    moved = [value + 1000 for value in FINE]

    usual, far = (road.said({"steady": STEADY[:10]}, {"steady": live}).found for live in (FINE, moved))

    assert (usual["drift"].verdict, usual["data"].verdict, usual["outliers"].verdict) == (OK, OK, NO_DATA)
    assert "10 rows" in usual["outliers"].reason
    assert (far["drift"].verdict, far["data"].verdict) == (ALARM, ALARM)


def test_ten_thousand_features_are_judged_and_the_one_that_broke_is_named(road: Road, tmp_path: Path) -> None:
    one = load_reference(profiled(tmp_path, {"x": NUMBERS})).features["x"]
    names = [f"f{number}" for number in range(10_000)]
    save_reference(Reference(VERSION, "wide", ROWS, dict.fromkeys(names, one), None, None), tmp_path / "wide.json")
    usual = [round(value, 2) for value in NUMBERS[:110]]
    live: dict[str, Column] = dict.fromkeys(names, usual)
    live["f77"] = [1e6] * 110

    said = road.judged(tmp_path / "wide.json", live).found

    assert said["data"].verdict is ALARM
    assert [one.feature for one in said["data"].contributors] == ["f77"]
    assert said["drift"].contributors[0].feature == "f77"
