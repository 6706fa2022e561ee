"""What /metrics shows of cells says all that is needed to compute the drift that the detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from math import sqrt

import msgspec
import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from burnline.detectors.burn import cells
from burnline.detectors.burn.cells import exposition, feature_cells, printable
from burnline.detectors.burn.history import Key
from burnline.detectors.columns import ColumnReader
from burnline.detectors.confidence import ConfidenceDrop
from burnline.detectors.contract import Detector
from burnline.detectors.drift import Drift
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.seasons import build_slots
from burnline.detectors.sketch import Sketch
from burnline.spec.signals import ConfidenceSpec, DriftSpec
from tests.detectors.samples import make_batch, make_reference

REFERENCE = make_reference()
DRIFT = Drift(REFERENCE, DriftSpec(min_events=100))
KEY: Key = ("shop", "drift")
Counted = Sequence[tuple[Key, Detector, Sketch]]


def counted(events: int, seed: int = 2) -> Sketch:
    return DRIFT.fold(ColumnReader(REFERENCE).read(make_batch(np.random.default_rng(seed), events)))


class _Page(Collector):
    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    def collect(self) -> Sequence[Metric]:
        return list(exposition(self._counted))


def scraped(*found: tuple[Key, Detector, Sketch]) -> dict[str, dict[tuple[str, ...], float]]:
    """Name to values by feature and cell, or `of`, as a scraper reads the page."""
    registry = CollectorRegistry()
    registry.register(_Page(found))
    read: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            of = next(sample.labels[label] for label in ("cell", "of", "slot") if label in sample.labels)
            labels = (sample.labels.get("feature", ""), of)
            read.setdefault(sample.name, {})[labels] = sample.value
    return read


@pytest.mark.parametrize("events", [100, 500, 12_345])
def test_chance_is_what_its_two_constants_say(events: int) -> None:
    """The compiled rules compute sqrt(a / n + b); a formula that is of another form must change them as well."""
    page, sketch = scraped((KEY, DRIFT, DRIFT.empty()))["burnline_feature_chance_squared"], counted(events)
    found = {one.feature: one.score for one in DRIFT.judge(sketch).contributors}

    for feature, live, reference in DRIFT.cells(sketch):
        shares, expected = live / live.sum(), reference / reference.sum()
        explained = sqrt(page[feature, "events"] / live.sum() + page[feature, "reference"])
        score = max(0.0, float(np.maximum(shares - expected, 0).sum()) - explained)
        assert score == pytest.approx(found.get(feature, 0.0), abs=1e-12)
        assert explained > 0


def test_every_cell_is_shown_from_the_first_event_on() -> None:
    before, after = (scraped((KEY, DRIFT, sketch)) for sketch in (DRIFT.empty(), counted(200)))

    assert set(before["burnline_feature_cells_total"].values()) == {0}
    assert before["burnline_feature_cells_total"].keys() == after["burnline_feature_cells_total"].keys()
    assert before["burnline_feature_reference_ratio"] == after["burnline_feature_reference_ratio"]


def test_shares_of_a_feature_add_up_and_so_do_its_counts() -> None:
    page = scraped((KEY, DRIFT, counted(200)))

    for name, whole in (("burnline_feature_reference_ratio", 1.0), ("burnline_feature_cells_total", 200)):
        sums: dict[str, float] = {}
        for (feature, _), value in page[name].items():
            sums[feature] = sums.get(feature, 0.0) + value
        assert sums == pytest.approx(dict.fromkeys(sums, whole))


def test_names_that_are_hostile_are_labels_and_nothing_more() -> None:
    hostile = 'a"b\\c\n} evil{x="1"} 1'
    reference = build_profile({hostile: [1.0, 2.0] * 50}, name="r")
    detector = Drift(reference, DriftSpec())

    page = scraped((KEY, detector, detector.empty()))

    assert {feature for feature, _ in page["burnline_feature_cells_total"]} == {hostile}
    assert printable("half \ud800") == "half \\ud800"


def test_no_more_cells_are_shown_than_a_page_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "MOST_CELLS", 30)

    shown = list(feature_cells(DRIFT, DRIFT.empty()))

    assert 1 <= len(shown) < len(list(DRIFT.cells(DRIFT.empty())))
    assert sum(len(one.counts) for one in shown) <= 30


def test_a_detector_without_cells_shows_none() -> None:
    sure = ConfidenceDrop(REFERENCE, ConfidenceSpec())

    assert scraped((("shop", "confidence"), sure, sure.empty())) == {}


def test_a_reference_that_differs_by_hour_says_what_is_to_be_expected_of_the_events() -> None:
    """sqrt(a / n + sum of b by hour, times squared shares of the hours), as the compiled rules compute it."""
    first, second = (make_batch(np.random.default_rng(seed), events) for seed, events in ((4, 500), (5, 300)))
    second = replace(second, received_at=second.received_at + timedelta(hours=2))
    by_hour = msgspec.structs.replace(REFERENCE, slots=build_slots(REFERENCE, "hour-of-day", [first, second]))
    detector, reader = Drift(by_hour, DriftSpec(min_events=100)), ColumnReader(by_hour)
    sketch = detector.fold(reader.read(first)) + detector.fold(reader.read(second))

    page = scraped((KEY, detector, sketch))

    said = {one.feature: one.score for one in detector.scores(sketch)}
    slots = {slot: events for (_, slot), events in page["burnline_feature_slots_total"].items() if events}
    assert sorted(slots.values()) == [300, 500]
    for feature, live, _ in detector.cells(sketch):
        expected = np.array([page["burnline_feature_expected_total"][feature, str(at)] for at in range(len(live))])
        of = {name: value for (each, name), value in page["burnline_feature_chance_squared"].items() if each == feature}
        b = sum(of[f"slot:{slot}"] * (events / 800) ** 2 for slot, events in slots.items())
        apart = np.maximum(live / live.sum() - expected / 800, 0).sum()
        assert max(0.0, apart - sqrt(of["events"] / live.sum() + b)) == pytest.approx(said[feature], abs=1e-12)
    assert "burnline_feature_reference_ratio" not in page
