"""Recording rules of serving engines: as a file, by promtool's opinion, and by what promtool makes of them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.collectors.profiles.rules import recorded, serving_rules
from burnline.metrics.register import MEASURED
from burnline.slo.compiler.yaml import dump
from tests.conftest import Golden
from tests.programs import program

EVERY = serving_rules({name: load_profile(name) for name in NAMES})


def test_the_rules_of_every_engine_together(golden: Golden) -> None:
    golden(Path(__file__).parent / "golden/serving.yml", dump({"groups": EVERY}))


def test_every_quantity_is_recorded_once() -> None:
    (group,) = EVERY

    names = [rule["record"] for rule in group["rules"]]

    assert len(names) == len(set(names))
    bases = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in names}
    assert bases == {recorded(name) for name in MEASURED if name.startswith("burnline_serving_")}


def test_without_an_engine_there_is_no_group() -> None:
    assert serving_rules({}) == []
    assert serving_rules({"dcgm-exporter": load_profile("dcgm-exporter")}) == []


@pytest.mark.integration
def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    (tmp_path / "serving.yml").write_text(dump({"groups": EVERY}))

    checked = subprocess.run(
        [program("promtool"), "check", "rules", str(tmp_path / "serving.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


def result(folder: Path, profiles: tuple[str, ...], series: dict[str, float], expr: str) -> str:
    """What promtool says of `expr` being what is expected, with each series of one value."""
    import json

    (folder / "serving.yml").write_text(
        dump({"groups": serving_rules({name: load_profile(name) for name in profiles})})
    )
    test: dict[str, Any] = {
        "rule_files": ["serving.yml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": f"{value}x5"} for name, value in series.items()],
                "promql_expr_test": [{"expr": expr, "eval_time": "3m", "exp_samples": [{"labels": "{}", "value": 1}]}],
            }
        ],
    }
    (folder / "test.yml").write_text(json.dumps(test))
    done = subprocess.run(
        [program("promtool"), "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


VLLM = {
    'vllm:num_requests_running{job="a",instance="i",engine="0",model_name="m"}': 3,
    'vllm:num_requests_running{job="a",instance="i",engine="1",model_name="m"}': 4,
    'vllm:gpu_cache_usage_perc{job="a",instance="i",model_name="m"}': 0.5,
    'vllm:kv_cache_usage_perc{job="a",instance="i",model_name="m"}': 0.75,
    'vllm:gpu_cache_usage_perc{job="a",instance="old",model_name="m"}': 0.25,
    'http_requests_total{job="a",instance="i",status="2xx"}': 9,
    'ray_serve_http_request_latency_ms_bucket{job="r",instance="j",application="x",le="500.0",route="a"}': 5,
    'ray_serve_http_request_latency_ms_bucket{job="r",instance="j",application="x",le="500.0",route="b"}': 6,
    'ray_serve_http_request_latency_ms_bucket{job="r",instance="j",application="x",le="+Inf",route="a"}': 7,
    'ray_serve_http_request_latency_ms_sum{job="r",instance="j",application="x",route="a"}': 1500,
}


@pytest.mark.integration
@pytest.mark.parametrize(
    "expr",
    [
        'sum(serving:running_requests{job="a",instance="i",model="m"} == bool 7)',
        'sum(serving:kv_cache_usage_ratio{instance="i"} == bool 0.75)',
        'sum(serving:kv_cache_usage_ratio{instance="old"} == bool 0.25)',
        'sum(serving:requests_total{instance="i"} == bool 9)',
        'sum(serving:errors_total{instance="i"} == bool 0)',
        'sum(serving:request_duration_seconds_bucket{le="0.5",application="x"} == bool 11)',
        'sum(serving:request_duration_seconds_bucket{le="+Inf",application="x"} == bool 7)',
        'sum(serving:request_duration_seconds_sum{application="x"} == bool 1.5)',
    ],
)
def test_prometheus_makes_of_a_page_what_burnline_makes_of_it(tmp_path: Path, expr: str) -> None:
    assert result(tmp_path, ("vllm", "ray-serve"), VLLM, expr) == ""
