"""Prometheus' names for OpenTelemetry's; the rules and most examples are those of Prometheus' own translator."""

from __future__ import annotations

import doctest
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.app import trace_links
from burnline.collectors.otlp import bounds, names
from burnline.collectors.otlp.names import label_name, metric_name


@pytest.mark.parametrize("module", [names, bounds, trace_links])
def test_the_examples_in_the_text_are_true(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "unit", "kind", "made"),
    [
        ("http.server.request.duration", "s", "", "http_server_request_duration_seconds"),
        ("system.cpu.time", "s", "total", "system_cpu_time_seconds_total"),
        ("hw.temperature", "Cel", "gauge", "hw_temperature_celsius"),
        ("hw.power", "W", "gauge", "hw_power_watts"),
        ("hw.energy", "J", "total", "hw_energy_joules_total"),
        ("hw.gpu.memory.usage", "By", "gauge", "hw_gpu_memory_usage_bytes"),
        ("hw.gpu.utilization", "1", "gauge", "hw_gpu_utilization_ratio"),
        ("system.network.io", "By", "total", "system_network_io_bytes_total"),
        ("gen_ai.client.token.usage", "{token}", "", "gen_ai_client_token_usage"),
        ("gen_ai.server.time_to_first_token", "s", "", "gen_ai_server_time_to_first_token_seconds"),
        ("hw.errors", "{error}", "total", "hw_errors_total"),
        ("requests_total", "", "total", "requests_total"),
        ("wait_seconds", "s", "", "wait_seconds"),
        ("share", "%", "gauge", "share_percent"),
        ("share", "1", "", "share"),
        ("speed", "By/s", "gauge", "speed_bytes_per_second"),
        ("rate", "{request}/s", "gauge", "rate_per_second"),
        ("2xx", "", "total", "_2xx_total"),
        ("a--b..c", "", "", "a_b_c"),
        ("vllm:requests", "", "total", "vllm:requests_total"),
        ("x", "furlong", "", "x_furlong"),
        ("", "s", "", ""),
        ("...", "", "", ""),
        ("größe", "", "", "gr_e"),
    ],
)
def test_a_metrics_name(name: str, unit: str, kind: str, made: str) -> None:
    assert metric_name(name, unit, monotonic=kind == "total", gauge=kind == "gauge") == made


@pytest.mark.parametrize(
    ("name", "made"),
    [("http.route", "http_route"), ("1st", "key_1st"), ("__name__", "name__"), ("...", ""), ("", ""), ("a b", "a_b")],
)
def test_an_attributes_name(name: str, made: str) -> None:
    assert label_name(name) == made


@given(name=st.text(), unit=st.text(max_size=8), monotonic=st.booleans(), gauge=st.booleans())
def test_whatever_comes_the_name_is_one_or_none(name: str, unit: str, monotonic: bool, gauge: bool) -> None:
    made = metric_name(name, unit, monotonic=monotonic, gauge=gauge)

    assert not made or re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", made)
    assert not label_name(name) or re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label_name(name))
