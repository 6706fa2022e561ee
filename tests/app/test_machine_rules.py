"""`machine.yml`: written where a service asks for hosts or GPUs, by whichever way the rules are delivered."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from burnline.app.build import machine_groups, rule_files
from burnline.spec.service import ServiceSpec
from tests.programs import program

DCGM = {"url": "http://gpu-7:9400/metrics", "profile": "dcgm-exporter"}
NODE = {"url": "http://gpu-7:9100/metrics", "profile": "node-exporter"}
PAGE = {"url": "http://scoring:8000/metrics"}


def service(*collect: Any, name: str = "scoring") -> ServiceSpec:
    written = {"apiVersion": "burnline/v1", "service": name, "owner": "team", "collect": collect}
    return ServiceSpec.model_validate(written)


def recorded(*specs: ServiceSpec) -> set[str]:
    """What is recorded, by the word after `machine:`."""
    rules = [rule for group in machine_groups(specs) for rule in group["rules"]]
    return {rule["record"].removeprefix("machine:").split("_")[0] for rule in rules}


@pytest.mark.parametrize(
    ("collect", "kinds"),
    [
        (["gpu"], {"gpu"}),
        ([DCGM], {"gpu"}),
        (["host"], {"host"}),
        ([NODE], {"host"}),
        (["gpu", NODE, PAGE], {"gpu", "host"}),
        ([PAGE], set()),
        ([{"queue": {"redis_list": "jobs", "url": "redis://h"}}], set()),
    ],
)
def test_what_is_asked_for_is_recorded(collect: list[Any], kinds: set[str]) -> None:
    assert recorded(service(*collect)) == kinds


def test_two_services_that_ask_for_the_same_have_it_recorded_once() -> None:
    groups = machine_groups([service("gpu"), service(DCGM, name="ranking")])

    records = [rule["record"] for group in groups for rule in group["rules"]]
    assert len(records) == len(set(records))


def test_the_file_is_there_only_where_something_is_recorded(now: datetime) -> None:
    assert set(rule_files([service("gpu")], now, "rules", "burnline")) == {"burnline-rules.yml", "machine.yml"}
    assert set(rule_files([service(PAGE)], now, "rules", "burnline")) == {"burnline-rules.yml"}


def test_kubernetes_gets_an_object_of_its_own(now: datetime) -> None:
    files = rule_files([service("gpu")], now, "prometheusrule", "burnline")

    body = yaml.safe_load(files["burnline-machine.yaml"])
    assert body["kind"] == "PrometheusRule"
    assert body["spec"]["groups"] == machine_groups([service("gpu")])


@pytest.mark.integration
def test_promtool_accepts_the_file(now: datetime, tmp_path: Path) -> None:
    (tmp_path / "machine.yml").write_text(rule_files([service("gpu", "host")], now, "rules", "burnline")["machine.yml"])

    argv = [program("promtool"), "check", "rules", str(tmp_path / "machine.yml")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
