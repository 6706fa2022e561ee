"""Rules as Kubernetes objects, and beside them the series of another generator's dashboards."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from burnline.slo.compiler import k8s
from burnline.slo.compiler.k8s import prometheus_rules, render_object
from burnline.slo.compiler.rules import compile_rules, render_rules
from burnline.slo.compiler.yaml import dump
from burnline.spec.service import ServiceSpec
from tests.programs import program
from tests.slo.promtool import Simulation, counter, service

SLO = "[{name: availability, objective: 99.9%, window: 30d, sli: {ratio: {bad: b_total, total: t_total}}}]"


def objects(count: int) -> dict[str, dict[str, object]]:
    specs = [service(SLO, name=f"service-{number}") for number in range(count)]
    return prometheus_rules(compile_rules(specs)["groups"])


def test_the_objects_hold_every_group_once_and_as_it_was() -> None:
    specs = [service(SLO, name=f"service-{number}") for number in range(3)]
    groups = compile_rules(specs)["groups"]

    found = prometheus_rules(groups)

    held = [group for body in found.values() for group in body["spec"]["groups"]]
    assert sorted(held, key=lambda group: str(group["name"])) == sorted(groups, key=lambda group: str(group["name"]))
    assert set(found) == {"burnline-ratio", "burnline-self", "burnline-missed"}


def test_names_and_labels_are_those_that_kubernetes_accepts() -> None:
    for name, body in objects(2).items():
        metadata = body["metadata"]
        assert isinstance(metadata, dict)
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,251}[a-z0-9])?", name)
        assert metadata["name"] == name
        assert (body["apiVersion"], body["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
        for value in metadata["labels"].values():
            assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", value)


def test_an_object_stays_below_what_kubernetes_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(k8s, "LARGEST", 600_000)

    found = objects(80)

    assert "burnline-ratio-1" in found
    assert all(len(render_object(body).encode()) < 600_000 for body in found.values())


def test_an_object_reads_back_as_it_was() -> None:
    for body in objects(2).values():
        assert yaml.safe_load(render_object(body)) == body


@pytest.mark.parametrize(
    "text",
    ["", " a", "a: b", "# a", "yes", "1m", "1e3", "~", "-", "'", '"', "a\n", "\n a\nb", " a\nb", "a\x07b", "\u2028",
     "ü\U0001f600", "a\r\nb", "a\tb\nc", "null", "{{ x }}", "[1]", "a #b", "%", "@", "`", "=", "a\n\nb"],
)  # fmt: skip
def test_any_text_reads_back_as_it_was_written(text: str) -> None:
    body = {"groups": [{"name": text, "rules": [{"expr": text, "labels": {}}, {"a": [text, {"b": text}]}]}]}

    assert yaml.safe_load(dump(body)) == body


@pytest.mark.integration
def test_the_series_of_sloths_dashboards_are_there_and_say_the_same(tmp_path: Path) -> None:
    """Names and labels of its golden `getting-started.yml`; 10 % of the requests fail."""
    spec = service(SLO)
    series = {"t_total": counter((31, 100)), "b_total": counter((31, 10))}
    simulation = Simulation([spec], series, layout="sloth")
    of = 'sloth_id="card-fraud-availability",sloth_service="card-fraud",sloth_slo="availability"'

    for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"):
        ratio = f'slo:sli_error:ratio_rate{window}{{{of},sloth_window="{window}"}}'
        simulation.holds("30m", f"abs({ratio} - 0.1) < 1e-9")
    for name, value in {
        "slo:objective:ratio": 0.999,
        "slo:error_budget:ratio": 0.001,
        "slo:time_period:days": 30,
        "slo:current_burn_rate:ratio": 100,
        "slo:period_burn_rate:ratio": 100,
        "slo:period_error_budget_remaining:ratio": 1 - 100 * 30 / (30 * 24 * 60),
    }.items():
        simulation.holds("30m", f"abs({name}{{{of}}} - {value}) < 1e-9")
    simulation.holds("30m", f'sloth_slo_info{{{of},sloth_objective="99.9"}} == 1')

    simulation.run(tmp_path)


@pytest.mark.integration
def test_promtool_finds_nothing_wrong_with_either_layout(tmp_path: Path) -> None:
    specs: list[ServiceSpec] = [service(SLO), service(SLO, name="other")]
    (tmp_path / "rules.yml").write_text(render_rules(specs, layout="sloth"))

    checked = subprocess.run(
        [program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "rules.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
