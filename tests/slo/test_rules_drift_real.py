"""Drift by the compiled rules in a real Prometheus, on a base of one second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from burnline.detectors.burn.cells import exposition
from burnline.detectors.columns import ColumnReader
from burnline.detectors.drift import Drift, PredictionDrift
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch
from burnline.slo.compiler.rules import render_rules
from burnline.spec.signals import DriftSpec, PredictionSpec
from tests.detectors.samples import START
from tests.programs import free_port, program, running, wait_until
from tests.slo.promtool import service
from tests.slo.replicas import ByCells
from tests.slo.test_prometheus_real import Exporter, serving

pytestmark = pytest.mark.integration

SECTION = {"window": "5s", "min_events": 100}
SIGNALS = ("drift", "prediction")
SLOS = ", ".join(f"{{name: {name}, objective: 98%, window: 12h, sli: {{signal: {name}}}}}" for name in SIGNALS)
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - {{job_name: burnline, honor_labels: true, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""
HOSTILE = 'a"b\\c\n{x="y"}'
PER_SCRAPE, SCRAPES = 50, 8
BAD = ("slo:events:increase_window{", 'slo:events:increase_over{window="1m",')  # of all the time, and of a minute


@dataclass
class Counting(Exporter):
    """burnline's page, after fifty events more at every scrape that is to have some."""

    detectors: tuple[ByCells, ...] = field(init=False)
    totals: list[Sketch] = field(init=False)
    left: int = 0

    def __post_init__(self) -> None:
        random = np.random.default_rng(1)
        features = {HOSTILE: random.normal(size=5000).tolist(), "plan": random.choice(["a", "b"], 5000).tolist()}
        reference = build_profile(features, random.choice(["yes", "no"], 5000).tolist(), name="r")
        self.detectors = (
            Drift(reference, DriftSpec.model_validate(SECTION)),
            PredictionDrift(reference, PredictionSpec.model_validate(SECTION)),
        )
        self._reader, self._random = ColumnReader(reference), random
        self.totals = [detector.empty() for detector in self.detectors]

    def page(self) -> str:
        if self.left:
            self.left -= 1
            values = (self._random.normal(size=PER_SCRAPE) + 1.5).tolist()
            features = {HOSTILE: values, "plan": ["a"] * PER_SCRAPE}
            answers: list[Any] = ["yes"] * 45 + ["no"] * 5
            batch = PredictionBatch("shop", "1", START, features, answers, [None] * 50, [0] * 50)
            columns = self._reader.read(batch)
            self.totals = [total + each.fold(columns) for total, each in zip(self.totals, self.detectors, strict=True)]
        registry = CollectorRegistry()
        registry.register(_Cells(self.detectors, self.totals))
        own = "".join(
            f'burnline_signal_events_total{{service="card-fraud",signal="{each.signal}"}} {total.events}\n'
            for each, total in zip(self.detectors, self.totals, strict=True)
        )
        return generate_latest(registry).decode() + own


class _Cells(Collector):
    def __init__(self, detectors: Sequence[ByCells], totals: Sequence[Sketch]) -> None:
        self._counted = [(("card-fraud", each.signal), each, of) for each, of in zip(detectors, totals, strict=True)]

    def collect(self) -> Iterator[Metric]:
        return exposition(self._counted)


def test_a_real_prometheus_finds_the_drift_that_the_detectors_find(tmp_path: Path) -> None:
    section = service(
        f"[{SLOS}]",
        collect=[{"url": "http://127.0.0.1:1/metrics", "interval": "1s"}],
        signals=dict.fromkeys(SIGNALS, SECTION),
    )
    rules, config, log = tmp_path / "rules.yml", tmp_path / "prometheus.yml", tmp_path / "log"
    rules.write_text(render_rules([section]))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]

    def value(query: str) -> float | None:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, trust_env=False).json()
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if len(found) == 1 else None

    with serving(Counting()) as exporter:
        assert isinstance(exporter, Counting)
        config.write_text(CONFIG.format(rules=rules, port=exporter.port))
        with running(argv, log=log, url=f"{url}/-/ready") as process:
            wait_until(lambda: value('sum(slo:cells:increase1m{cell="all"})') == 0, process, log=log)
            exporter.left = SCRAPES
            total = 'sum(slo:events:increase_window{event="total"})'
            wait_until(lambda: value(total) == len(SIGNALS) * PER_SCRAPE * SCRAPES, process, log=log)

            found = {(name, metric): value(f'{metric}slo="{name}",event="bad"}}') for name in SIGNALS for metric in BAD}

    for detector, counted in zip(exporter.detectors, exporter.totals, strict=True):
        said = detector.judge(counted).counts
        assert said.bad > 50
        for metric in BAD:
            assert found[detector.signal, metric] == pytest.approx(said.bad, rel=1e-9)
