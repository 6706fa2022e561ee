"""Drift in the compiled rules is the drift that the detector finds in-process, over every window, on all replicas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.detectors.build import DETECTORS
from burnline.detectors.burn.cells import Celled
from burnline.events import PredictionBatch
from burnline.slo.compiler.rules import compile_rules
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import SignalsSpec
from tests.detectors.samples import START
from tests.slo.promtool import EPOCH, Simulation, firing, service
from tests.slo.replicas import (
    REPLICAS,
    SECTION,
    Replicas,
    close_to,
    draw,
    findings,
    make_detector,
    of_the_window,
    over,
    page,
)


def drift_service(slo: str = "window: 30d", *, signals: dict[str, Any] | None = None) -> ServiceSpec:
    slos = f"[{{name: steady, objective: 98%, {slo}, sli: {{signal: drift}}}}]"
    return ServiceSpec.model_validate(
        {**service(slos).model_dump(exclude_unset=True), "signals": signals or {"drift": SECTION}}
    )


@pytest.mark.integration
def test_prometheus_finds_in_every_window_what_the_detector_finds(tmp_path: Path) -> None:
    replicas = Replicas(130, lambda minute: 0.5 if minute >= 100 else 0.0)
    simulation = Simulation([drift_service()], replicas.series())
    late = 1  # the windows of 2 h and 6 h are made of tiles that are recorded after them

    for minute in (70, 104, 129):
        counted = {
            "5m": (minute - 5, minute),
            "30m": (minute - 30, minute),
            "1h": (minute - 60, minute),
            "2h": (minute - 120, minute - late),
            "6h": (0, minute - late),
            "1d": (0, minute),
            "3d": (0, minute),
        }
        for window, (since, until) in counted.items():
            said = replicas.detector.judge(replicas.over(since, until)).counts
            simulation.holds(f"{minute}m", close_to(over(window, "bad"), said.bad))
            simulation.holds(f"{minute}m", close_to(over(window, "total"), said.total))
        said = replicas.detector.judge(replicas.over(0, minute)).counts
        simulation.holds(f"{minute}m", close_to(of_the_window("bad"), said.bad))
        simulation.holds(f"{minute}m", close_to(of_the_window("total"), said.total))

    assert replicas.detector.judge(replicas.over(124, 129)).counts.bad > 60
    simulation.run(tmp_path)


@pytest.mark.integration
def test_a_shift_pages_and_a_steady_service_does_not(tmp_path: Path) -> None:
    replicas = Replicas(90, lambda minute: 5.0 if minute >= 60 else 0.0)
    simulation = Simulation([drift_service()], replicas.series(), t2=False)

    page_of = firing("page-fast", "steady")
    simulation.absent("60m", page_of)
    simulation.holds("85m", f"{page_of} == 1", 'burnline_slo_burn_rate{window="5m"} > 14.4')
    simulation.holds("60m", 'burnline_slo_burn_rate{window="1h"} == 0', 'burnline_slo_sli_ratio{window="1h"} == 1')

    simulation.run(tmp_path)


@pytest.mark.integration
def test_a_replica_that_counts_from_nothing_again_changes_nothing(tmp_path: Path) -> None:
    replicas = Replicas(40, lambda minute: 1.0)
    simulation = Simulation([drift_service()], replicas.series(restart=25), t2=False)

    said = replicas.detector.judge(replicas.over(9, 39)).counts
    simulation.holds("39m", close_to(over("30m", "bad"), said.bad), close_to(over("30m", "total"), said.total))

    simulation.run(tmp_path)


@pytest.mark.integration
def test_too_few_events_and_no_events_are_no_data(tmp_path: Path) -> None:
    replicas = Replicas(30, events=20)
    simulation = Simulation([drift_service()], replicas.series(), t2=False)

    simulation.absent("6m", over("5m", "bad"), over("5m", "total"), 'burnline_slo_burn_rate{window="5m"}')
    simulation.holds("29m", close_to(over("30m", "total"), 29 * 40), 'burnline_slo_state{state="ok"} == 1')

    simulation.run(tmp_path)


@pytest.mark.integration
def test_verdicts_without_cells_are_no_data(tmp_path: Path) -> None:
    simulation = Simulation([drift_service()], findings(30), t2=False)

    simulation.holds("29m", 'burnline_slo_state{state="unknown"} == 1')
    simulation.absent("29m", over("5m", "total"))

    simulation.run(tmp_path)


@pytest.mark.integration
def test_counts_against_another_reference_are_never_compared_with_this_one(tmp_path: Path) -> None:
    replicas = Replicas(60)
    newer, reader = make_detector(seed=9)
    old = {name: " ".join(values.split()[:30]) + " stale" for name, values in replicas.series().items()}
    random, total = np.random.default_rng(5), newer.empty()
    series: dict[str, list[str]] = {}
    for _ in range(31):
        for name, value in page(newer, total, REPLICAS[0]).items():
            series.setdefault(name, ["_"] * 30).append(repr(value))
        batch = PredictionBatch("card-fraud", "2", START, draw(random, 300), [None] * 300, [None] * 300, [0] * 300)
        total = total + newer.fold(reader.read(batch))
    given = {name: values for name, values in old.items() if "burnline_feature" in name} | findings(60)
    simulation = Simulation([drift_service()], given | {name: " ".join(values) for name, values in series.items()})

    simulation.holds("59m", close_to(over("1h", "total"), 29 * 300), close_to(of_the_window("total"), 29 * 300))
    simulation.holds("59m", f"{over('1h', 'bad')} < 200", f"{of_the_window('bad')} < 200")

    simulation.run(tmp_path)


@pytest.mark.integration
def test_a_calendar_period_holds_what_came_since_it_began(tmp_path: Path) -> None:
    replicas = Replicas(30, lambda _: 0.4)
    simulation = Simulation([drift_service("window: {calendar: day, tz: UTC}")], replicas.series())

    said = replicas.detector.judge(replicas.over(0, 29)).counts
    simulation.holds("29m", close_to(of_the_window("bad"), said.bad), close_to(of_the_window("total"), said.total))

    simulation.run(tmp_path)


@pytest.mark.integration
def test_a_composite_takes_drift_as_it_is_counted_itself(tmp_path: Path) -> None:
    replicas = Replicas(40, lambda _: 0.6)
    written = drift_service().model_dump(exclude_unset=True)
    other = {"name": "other", "objective": "95%", "window": "30d", "sli": {"ratio": {"bad": "b", "total": "t"}}}
    worst = {**other, "name": "worst", "sli": {"composite": {"worst_of": ["steady", "other"]}}}
    spec = ServiceSpec.model_validate({**written, "slos": [*written["slos"], other, worst]})
    series = {"b": "0x40", "t": "0+9x40"}
    plain = {f'{name}{{job="x",instance="y"}}': values for name, values in series.items()}
    simulation = Simulation([spec], replicas.series() | plain)

    for metric, since in (('slo:events:increase_over{window="30m",', 9), ("slo:events:increase_window{", 0)):
        said = replicas.detector.judge(replicas.over(since, 39)).counts
        bad, total = (f'sum({metric}slo="worst",event="{event}"}})' for event in ("bad", "total"))
        simulation.holds("39m", close_to(f"({bad} / {total})", said.bad / said.total))

    simulation.run(tmp_path)


@pytest.mark.integration
def test_a_short_window_is_as_long_as_the_detectors(tmp_path: Path) -> None:
    replicas = Replicas(30, lambda _: 0.4)
    spec = drift_service(signals={"drift": {"window": "20m", "min_events": 300}})
    simulation = Simulation([spec], replicas.series(), t2=False)

    said = replicas.detector.judge(replicas.over(9, 29)).counts
    simulation.holds("29m", close_to(over("5m", "bad"), said.bad), close_to(over("5m", "total"), said.total))

    simulation.run(tmp_path)


def test_the_service_file_knows_which_detectors_show_their_cells() -> None:
    sections = SignalsSpec.model_validate({name: {} for name in DETECTORS}).sections()

    celled = {name for name, made in DETECTORS.items() if hasattr(made, "cells")}

    assert celled == {name for name, section in sections.items() if section.celled}
    assert isinstance(make_detector()[0], Celled)


def test_what_another_engine_finds_is_added_up_and_slices_of_a_detector_that_takes_longer() -> None:
    without = service("[{name: steady, objective: 95%, window: 30d, sli: {signal: drift}}]")
    library = drift_service(signals={"drift": {**SECTION, "engine": "evidently"}})
    long = drift_service("window: 30d, slices: {length: 1h, target: 95%}", signals={"drift": {"window": "7h"}})

    for spec in (without, library, long):
        assert "burnline_feature_cells_total" not in str(compile_rules([spec], now=EPOCH))


def test_what_is_scraped_is_read_one_value_at_a_time() -> None:
    rules = [rule for group in compile_rules([drift_service()], now=EPOCH)["groups"] for rule in group["rules"]]

    scraped = [rule["expr"] for rule in rules if "burnline_feature_cells_total" in rule["expr"]]

    assert scraped
    assert not any("[" in expr for expr in scraped)
