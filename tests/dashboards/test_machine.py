"""The panels of GPUs: shown where GPUs are read, by whomever, and of series that somebody records."""

from __future__ import annotations

import re

import pytest

from burnline.collectors.mapping import EXPORTERS, machine_rules
from burnline.collectors.profiles.load import load_profile
from burnline.dashboards.panels import Panel
from burnline.dashboards.service import service_rows
from burnline.metrics import gpu, host
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


def drawn_of(*collect: object) -> list[Panel]:
    head = {"apiVersion": "burnline/v1", "service": "scoring", "owner": "team"}
    rows = service_rows(ServiceSpec.model_validate({**head, "collect": collect}))
    return [panel for row in rows for panel in row.panels]


NODE, DCGM = ({"url": "http://h:9/metrics", "profile": profile} for profile in EXPORTERS.values())


@pytest.mark.parametrize("items", [("host", "gpu"), (NODE, DCGM)], ids=["own", "exporters"])
def test_what_rules_record_is_asked_under_that_name_alone(items: tuple[object, ...]) -> None:
    known = {name for profile in EXPORTERS.values() for name in load_profile(profile).quantities}
    asked = {
        name
        for panel in drawn_of(*items)
        for query in panel.queries
        for name in re.findall(r"burnline_[hg]\w+", query.expr)
    }

    assert "machine:host_cpu_seconds_total" in str(drawn_of(*items))
    assert not asked & known


def test_each_host_has_a_line_of_its_own() -> None:
    found = {panel.title: panel.queries[0] for panel in drawn_of("host", "gpu")}

    assert found["CPU in use"].expr.count("sum by (host) (rate(") == 2
    assert found["Disk bytes"].expr.startswith("sum by (host, device) (")
    assert found["GPU in use"].legend == "{{host}} {{gpu}}"
    assert "by" not in found["Filesystems failing"].expr


def test_what_burnline_alone_tells_of_a_gpu_names_its_host() -> None:
    queries = [query for panel in drawn_of("gpu") for query in panel.queries if "burnline_gpu_" in query.expr]

    assert len(queries) > 5
    for query in queries:
        assert query.legend.startswith("{{instance}}"), query
        assert "by (instance" in query.expr or "sum" not in query.expr, query


def test_of_an_exporter_nothing_is_asked_that_only_burnline_tells() -> None:
    own, others = (str(drawn_of(*items)) for items in (("host", "gpu"), (NODE, DCGM)))

    for name in (gpu.XID_ERRORS, host.CGROUP_MEMORY_LIMIT):
        assert name in own
        assert name not in others


def test_every_recorded_series_that_is_drawn_is_recorded() -> None:
    rules = machine_rules({name: load_profile(name) for name in EXPORTERS.values()})
    recorded = {rule["record"] for group in rules for rule in group["rules"]}

    drawn = {
        name
        for panel in drawn_of("gpu", "host")
        for query in panel.queries
        for name in re.findall(r"machine:\w+", query.expr)
    }

    assert drawn
    assert drawn <= recorded
