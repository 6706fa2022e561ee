"""The promises of the contract, over everything that can judge a signal: registered, a library's, or installed.

Each is fed what its source brings; a new one is found here by itself.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from burnline.detectors.build import DETECTORS, build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector, Judgement
from burnline.detectors.engines.desk import Desk
from burnline.detectors.engines.drift import LibraryDrift
from burnline.detectors.profile import Reference
from burnline.detectors.sketch import Sketch
from burnline.errors import PayloadError
from burnline.events import Counts, PredictionBatch, Source, Verdict
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import DriftSpec
from tests.detectors.engine_worker import interpreter
from tests.detectors.samples import make_batch
from tests.detectors.samples import make_reference as whole_reference
from tests.detectors.test_engines import make_reference

ROWS = make_reference(events=2000).rows
REFERENCE = msgspec.structs.replace(whole_reference(5000), rows=ROWS)
OTHER = msgspec.structs.replace(whole_reference(4000), rows=ROWS)
READER = ColumnReader(REFERENCE)
SPEC = ServiceSpec.model_validate(
    {"apiVersion": "burnline/v1", "service": "shop", "owner": "team", "signals": {name: {} for name in DETECTORS}}
)
LIBRARIES = ("evidently", "alibi")
BYTES = 1_000_000  # counts of tens of cells; a library's rows, 500 of seven columns


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Reference], Detector]]:
    folder = tmp_path_factory.mktemp("engines")
    desk = Desk({library: interpreter(folder, library) for library in LIBRARIES})
    built = {id(reference): build_detectors(SPEC, reference) for reference in (REFERENCE, OTHER)}  # they hold no state

    def detector(name: str, reference: Reference = REFERENCE) -> Detector:
        if name in LIBRARIES:
            section = DriftSpec.model_validate({"engine": name, "sample": 500, "checks": [_check(name)]})
            return LibraryDrift(reference, section, desk)
        return built[id(reference)][name]

    yield detector
    desk.close()


def _check(library: str) -> str:
    return {"evidently": "ValueDrift", "alibi": "KSDrift"}[library]


@pytest.fixture(params=[*DETECTORS, *LIBRARIES])
def detector(request: pytest.FixtureRequest, make: Callable[[str, Reference], Detector]) -> Detector:
    return make(request.param, REFERENCE)


@cache
def population(source: Source, seed: int, events: int) -> PredictionBatch:
    """Events of a service that is well, as the source brings them."""
    rng = np.random.default_rng(seed)
    batch = make_batch(rng, events)
    if source is Source.LABELS and not len(batch.label):
        return replace(batch, label=list(batch.prediction))
    if source is Source.SAMPLES:
        return replace(batch, features={name: [False] * events for name in REFERENCE.features})
    if source is Source.ANSWERS:
        return replace(batch, features=about_answers(rng, events))
    return batch


def about_answers(rng: np.random.Generator, events: int) -> dict[str, list[Any]]:
    """Numbers about answers of a service that is well; never their texts."""
    return {
        "ungrounded": rng.beta(1, 30, events).tolist(),
        "support": rng.beta(30, 1, events).tolist(),
        "unsupported": [0] * events,
        "characters": rng.integers(200, 400, events).tolist(),
        "refused": [False] * events,
        "empty": [False] * events,
        "language": ["en"] * events,
        "guardrail": ["pass"] * events,
        "toxic": [False] * events,
        "retrieved": [5] * events,
        "logprob": rng.normal(-0.2, 0.02, events).tolist(),
        "inconsistent": rng.beta(1, 30, events).tolist(),
    }


def fold(detector: Detector, batch: PredictionBatch) -> Sketch:
    return detector.fold(READER.read(batch))


def judge(detector: Detector, batch: PredictionBatch) -> Judgement:
    return detector.judge(fold(detector, batch))


def pieces(batch: PredictionBatch, cuts: list[int]) -> list[PredictionBatch]:
    ends = [0, *sorted(cuts), len(batch)]
    return [batch.where([first <= at < last for at in range(len(batch))]) for first, last in pairwise(ends)]


def with_columns(batch: PredictionBatch, change: Callable[[str, list[Any]], list[Any]]) -> PredictionBatch:
    return replace(batch, features={name: change(name, list(column)) for name, column in batch.features.items()})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_sharding_and_replay_change_no_bit(detector: Detector, seed: int) -> None:
    batch = population(detector.source, seed, 300)
    draw = random.Random(seed)
    parts = [fold(detector, part) for part in pieces(batch, [draw.randrange(300) for _ in range(4)])]
    draw.shuffle(parts)

    merged = detector.empty()
    for part in parts:
        merged = merged + part

    assert merged.encode() == fold(detector, batch).encode()
    assert (merged + detector.empty()).encode() == merged.encode()
    assert detector.empty().decode(merged.encode()).encode() == merged.encode()
    assert merged.events == 300


def test_events_that_come_twice_count_twice(detector: Detector) -> None:
    sketch = fold(detector, population(detector.source, 4, 200))

    twice = sketch + sketch

    assert twice.counts.tolist() == (2 * sketch.counts).tolist()


def test_counts_are_bounded_and_damaged_ones_are_refused(detector: Detector) -> None:
    bodies = [fold(detector, population(detector.source, 5, events)).encode() for events in (10, 2000)]

    assert len(bodies[1]) < BYTES
    for damaged in (b"", b"\xc1", bodies[1][:-1], b"\x92\xc4\x00\xc4\x00"):
        with pytest.raises(PayloadError):
            detector.empty().decode(damaged)


def test_counts_against_another_reference_are_refused(
    detector: Detector, make: Callable[[str, Reference], Detector], request: pytest.FixtureRequest
) -> None:
    other = make(request.node.callspec.params["detector"], OTHER).empty()
    if other.of == detector.empty().of:
        return  # it compares with no reference

    with pytest.raises(PayloadError):
        detector.empty().decode(other.encode())
    with pytest.raises(PayloadError):
        _ = detector.empty() + other


def test_it_is_silent_on_its_own_population(detector: Detector) -> None:
    said = [Judgement(Verdict.NO_DATA, None, Counts(0, 0), "")]
    for seed in range(10, 30):
        said.append(detector.judge(fold(detector, population(detector.source, seed, 1000)), said[-1].memory))

    assert not [one.reason for one in said if one.verdict is Verdict.ALARM]
    assert said[-1].verdict is Verdict.OK, said[-1].reason


def test_nothing_and_next_to_nothing_is_no_data(detector: Detector) -> None:
    for events in (0, 3):
        said = judge(detector, population(detector.source, 6, 1000).where([at < events for at in range(1000)]))

        assert said.verdict is Verdict.NO_DATA
        assert (said.score, said.counts.total) == (None, 0)
        assert said.reason


HOSTILE: dict[str, Callable[[str, list[Any]], list[Any]]] = {
    "nan": lambda _, column: [float("nan")] * len(column),
    "infinite": lambda _, column: [float("inf")] * len(column),
    "missing": lambda _, column: [None] * len(column),
    "constant": lambda _, column: [column[0]] * len(column),
    "never seen": lambda _, column: ["never seen"] * len(column),
    "numbers as text": lambda _, column: [str(value) for value in column],
    "text as numbers": lambda _, column: list(range(len(column))),
    "truth values": lambda _, column: [True] * len(column),
    "giants": lambda _, column: [10**400] * len(column),
    "NUL and surrogates": lambda _, column: ["a\x00\ud800"] * len(column),
    "lists": lambda _, column: [[1]] * len(column),
    "mixed": lambda _, column: [[None, 1, "x", 2.5, True][at % 5] for at in range(len(column))],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_comes_has_an_answer_within_bounds(detector: Detector, what: str) -> None:
    batch = with_columns(population(detector.source, 7, 1000), HOSTILE[what])

    first, again = judge(detector, batch), judge(detector, batch)

    assert first == again
    assert 0 <= first.counts.bad <= first.counts.total <= 1000
    assert (first.score is None) == (first.verdict is Verdict.NO_DATA)
    assert first.score is None or 0 <= first.score <= 1
    assert all(0 <= one.score <= 1 for one in first.contributors)
    assert "the detector failed" not in first.reason


def test_one_spoiled_column_does_not_change_what_is_said_of_the_others(detector: Detector) -> None:
    batch = population(detector.source, 8, 1000)
    name = next(iter(batch.features))
    spoiled = with_columns(batch, lambda each, column: [10**400] * 1000 if each == name else column)

    before, after = judge(detector, batch), judge(detector, spoiled)

    scores = {one.feature: one.score for one in before.contributors}
    for one in after.contributors:
        if one.feature in scores and one.feature != name:
            assert one.score == pytest.approx(scores[one.feature])


def test_no_columns_at_all_are_columns_of_missing_values(detector: Detector) -> None:
    batch = population(detector.source, 9, 600)
    bare, empty = replace(batch, features={}), with_columns(batch, HOSTILE["missing"])

    assert fold(detector, bare).encode() == fold(detector, empty).encode()


def test_what_is_said_can_be_kept_and_compared(detector: Detector) -> None:
    batch = population(detector.source, 10, 1000)
    sketch, other = fold(detector, batch), fold(detector, population(detector.source, 11, 1000))

    said, compared = detector.judge(sketch), detector.compare(sketch, other)

    json.dumps([[one.feature, one.score, one.detail, dict(one.shown)] for one in said.contributors])
    assert detector.judge(sketch, b"not a memory of mine").verdict is said.verdict
    assert compared.verdict is not Verdict.ALARM
    assert compared == detector.compare(sketch, other)
