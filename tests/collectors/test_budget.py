"""Too many series of one name: sums stay whole, memory stays small, and it is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from burnline.collectors.budget import Budget
from burnline.events import Sample
from burnline.metrics.measured import OTHER
from burnline.metrics.register import otlp, queues

COUNTER, GAUGE, HISTOGRAM = queues.ARRIVED, queues.READY, otlp.SPAN_DURATION


def counters(names: range, value: float = 1.0) -> list[Sample]:
    return [Sample(COUNTER, {"queue": str(number)}, value) for number in names]


def total(samples: tuple[Sample, ...]) -> float:
    return sum(sample.value for sample in samples)


def other(samples: tuple[Sample, ...]) -> float | None:
    found = [sample.value for sample in samples if sample.labels.get("queue") == OTHER]
    return found[0] if found else None


def test_what_fits_is_left_as_it_is() -> None:
    samples = counters(range(10))
    budget = Budget(10)

    assert budget.fit(samples) == tuple(samples)
    assert budget.beyond == {}


def test_counters_beyond_the_budget_are_added_up() -> None:
    budget = Budget(10)

    fitted = budget.fit(counters(range(25), 2.0))

    assert len(fitted) == 11
    assert other(fitted) == 30.0
    assert total(fitted) == 50.0
    assert budget.beyond == {COUNTER: 15}


def test_gauges_beyond_the_budget_are_left_out_and_counted() -> None:
    budget = Budget(10)

    fitted = budget.fit([Sample(GAUGE, {"queue": str(number)}, 1.0) for number in range(25)])

    assert [sample.labels["queue"] for sample in fitted] == [str(number) for number in range(10)]
    assert budget.beyond == {GAUGE: 15}


def test_each_name_has_a_budget_of_its_own() -> None:
    few = [Sample(GAUGE, {"queue": "a"}, 1.0)]

    fitted = Budget(10).fit([*counters(range(25)), *few])

    assert few[0] in fitted


def test_a_series_that_was_there_stays_whatever_the_order() -> None:
    budget = Budget(10)
    budget.fit(counters(range(25)))

    fitted = budget.fit(counters(range(24, -1, -1), 2.0))

    assert {sample.labels["queue"] for sample in fitted} == {*map(str, range(10)), OTHER}


def test_the_sum_of_the_rest_does_not_fall_when_one_of_them_goes() -> None:
    budget = Budget(10)
    budget.fit(counters(range(25), 4.0))

    fitted = budget.fit(counters(range(24), 4.0))

    assert other(fitted) == 60.0
    assert other(budget.fit(counters(range(24), 5.0))) == 70.0


def test_a_sum_that_falls_to_less_than_half_was_a_restart() -> None:
    budget = Budget(10)
    budget.fit(counters(range(25), 100.0))

    assert other(budget.fit(counters(range(25), 1.0))) == 15.0


def test_a_place_that_is_left_is_taken_by_another() -> None:
    budget = Budget(10)
    budget.fit(counters(range(25)))
    budget.fit(counters(range(5, 25)))

    fitted = budget.fit(counters(range(5, 25)))

    assert len([sample for sample in fitted if sample.labels["queue"] != OTHER]) == 10


def test_a_histogram_is_folded_bucket_by_bucket_and_whole() -> None:
    def histogram(kind: str) -> Iterator[Sample]:
        for bound in ("0.5", "+Inf"):
            yield Sample(f"{HISTOGRAM}_bucket", {"kind": kind, "le": bound}, 2.0)
        yield Sample(f"{HISTOGRAM}_sum", {"kind": kind}, 1.5)
        yield Sample(f"{HISTOGRAM}_count", {"kind": kind}, 2.0)

    samples = [sample for number in range(12) for sample in histogram(str(number))]
    found = {(s.name, *sorted(s.labels.items())): s.value for s in Budget(10).fit(samples)}

    assert found[f"{HISTOGRAM}_bucket", ("kind", OTHER), ("le", "0.5")] == 4.0
    assert found[f"{HISTOGRAM}_bucket", ("kind", OTHER), ("le", "+Inf")] == 4.0
    assert found[f"{HISTOGRAM}_sum", ("kind", OTHER)] == 3.0
    assert found[f"{HISTOGRAM}_count", ("kind", OTHER)] == 4.0
    assert len(found) == 11 * 4


def test_a_hundred_thousand_labels_leave_no_more_behind_than_the_budget() -> None:
    budget = Budget(100)

    fitted = budget.fit(Sample(COUNTER, {"queue": str(number)}, 1.0) for number in range(100_000))

    assert len(fitted) == 101
    assert total(fitted) == 100_000
    assert budget.beyond == {COUNTER: 99_900}
    assert sum(map(len, budget._known.values())) == 100
    assert len(budget._sums) == 1


def test_it_is_told_once_and_again_when_it_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    budget = Budget(10)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            budget.fit(counters(range(25)))
        budget.fit(counters(range(5)))
        budget.fit(counters(range(25)))

    assert len(caplog.records) == 2
    assert caplog.records[0].metric == COUNTER  # type: ignore[attr-defined]
