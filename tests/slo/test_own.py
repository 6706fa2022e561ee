"""burnline's /metrics shows the series of all services: a rule reads those of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.slo.own import own_selector, own_spec
from burnline.spec.selector import parse_selector
from tests.slo.promtool import Simulation, counter, service

AGE = "burnline_queue_oldest_message_age_seconds"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (AGE, f'{AGE}{{service="shop"}}'),
        (f'{AGE}{{queue="jobs"}}', f'{AGE}{{service="shop",queue="jobs"}}'),
        (f'{AGE}{{service=~"a|b"}}', f'{AGE}{{service=~"a|b"}}'),
        ("http_requests_total", "http_requests_total"),
        ("burnline_gpu_utilization_ratio", "burnline_gpu_utilization_ratio"),  # of the machine
        ("burnline_host_cpu_seconds_total", "burnline_host_cpu_seconds_total"),
    ],
)
def test_what_burnline_measures_for_a_service_is_read_of_that_service(written: str, read: str) -> None:
    assert str(own_selector("shop", parse_selector(written))) == read


def test_a_service_that_reads_its_own_page_alone_is_left_as_it_is() -> None:
    spec = service("- {name: a, objective: 99%, window: 30d, sli: {ratio: {bad: b_total, total: t_total}}}")

    assert own_spec(spec) is spec


@pytest.mark.integration
def test_another_services_queue_does_not_break_a_promise(tmp_path: Path) -> None:
    spec = service(f"""
- {{name: waiting, objective: 99%, window: 30d, sli: {{threshold: {{gauge: {AGE}, above: 30}}}}}}
- name: fresh
  objective: 99%
  window: 30d
  sli: {{freshness: {{timestamp: burnline_queue_oldest_message_timestamp_seconds, max_age: 1m}}}}
""")
    ours, theirs = f'service="{spec.service}",queue="jobs"', 'service="other",queue="jobs"'
    simulation = Simulation(
        [spec],
        {
            f"{AGE}{{{ours}}}": counter((30, 0), start=5),
            f"{AGE}{{{theirs}}}": counter((30, 0), start=900),
            f"burnline_queue_oldest_message_timestamp_seconds{{{ours}}}": counter((30, 60)),
            f"burnline_queue_oldest_message_timestamp_seconds{{{theirs}}}": counter((30, 0)),
        },
    )

    for slo in ("waiting", "fresh"):
        simulation.holds("20m", f'slo:events:increase1m{{slo="{slo}",event="bad"}} == 0')
        simulation.holds("20m", f'slo:events:increase1m{{slo="{slo}",event="total"}} == 1')
    simulation.run(tmp_path)
