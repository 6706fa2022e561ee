"""The panels of GPUs: shown where GPUs are read, by whomever, and of series that somebody records."""

from __future__ import annotations

import re

import pytest

from burnline.collectors.mapping import EXPORTERS, machine_rules
from burnline.collectors.profiles.load import load_profile
from burnline.dashboards.machine import GPU
from burnline.dashboards.service import service_rows
from burnline.spec.service import ServiceSpec


def titles(*collect: object) -> list[str]:
    spec = ServiceSpec.model_validate(
        {"apiVersion": "burnline/v1", "service": "scoring", "owner": "team", "collect": collect}
    )
    return [row.title for row in service_rows(spec)]


@pytest.mark.parametrize("item", ["gpu", {"url": "http://gpu-7:9400/metrics", "profile": "dcgm-exporter"}])
def test_gpus_are_drawn_whoever_reads_them(item: object) -> None:
    assert "GPU" in titles(item)


@pytest.mark.parametrize("item", ["host", {"url": "http://h/metrics"}, {"url": "http://h/metrics", "profile": "vllm"}])
def test_a_service_without_gpus_has_no_panels_of_them(item: object) -> None:
    assert "GPU" not in titles(item)


def test_every_recorded_series_that_is_drawn_is_recorded() -> None:
    rules = machine_rules({name: load_profile(name) for name in EXPORTERS.values()})
    recorded = {rule["record"] for group in rules for rule in group["rules"]}

    drawn = {name for panel in GPU for query in panel.queries for name in re.findall(r"machine:\w+", query.expr)}

    assert drawn
    assert drawn <= recorded
