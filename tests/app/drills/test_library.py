"""The runbooks that ship with burnline, each in the drill of what it is for, on one service that binds them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.app.drills.rehearsal import rehearse
from burnline.runbooks.load import load_catalogue
from burnline.spec.load import load_service
from tests.app.drills.scene import failed

SERVICE = """
apiVersion: burnline/v1
service: screening
owner: screening-ml
escalation: {page: ["mailto:oncall@example.com", "mailto:lead@example.com"], ticket: ["mailto:tickets@example.com"]}
collect: [{url: "http://screening.invalid/metrics", interval: 1m}]
model: {name: m, version: {from: label, label: v}, reference: reference.json}
signals: {drift: {window: 5m}}
slos:
  - {name: availability, objective: 99.9%, window: 30d,
     sli: {ratio: {bad: 'reqs_total{code=~"5.."}', total: reqs_total}}}
  - {name: latency, objective: 99%, window: 30d, sli: {latency: {histogram: h_seconds, below: 250ms}}}
  - {name: fresh, objective: 99.9%, window: 30d, sli: {freshness: {timestamp: ts_seconds, max_age: 15m}}}
  - {name: gpus, objective: 99.9%, window: 30d, sli: {threshold: {gauge: DCGM_FI_DEV_XID_ERRORS, above: 0}}}
  - {name: queue, objective: 99%, window: 30d, sli: {threshold: {gauge: vllm_num_requests_waiting, above: 20}}}
  - {name: quality, objective: 99%, window: 30d, sli: {signal: drift}}
release: {hook: {mlflow_alias: {url: "http://mlflow.invalid:5000", model: m}}}
actions:
  shed: {flag_file: {file: /nowhere/shed}}
  scale: {k8s_scale: {name: screening, max: 9}}
  fallback: {flagd_file: {file: /nowhere/flags.json, flag: fallback}}
  training: {flag_file: {file: /nowhere/training}}
  data: {alias: {file: /nowhere/data.json}}
  node: {k8s_node: {match: "gpu-.*"}}
runbooks:
  - {on: {slo: availability, severity: page}, run: inference-crash}
  - {on: {slo: latency, severity: page}, run: queue-saturation}
  - {on: {slo: queue, severity: page}, run: queue-saturation}
  - {on: {slo: fresh, severity: page}, run: data-outage}
  - {on: {slo: gpus, severity: page}, run: gpu-failure, params: {xid: 79, node: gpu-7}}
  - {on: {signal: drift}, run: model-degradation}
drill: {targets: {detect: 30m, respond: 30m, recover: 2h}}
"""


@pytest.mark.parametrize(
    ("scenario", "runbook"),
    [
        ("drift", "model-degradation"),
        ("stale-data", "data-outage"),
        ("crashed-replica", "inference-crash"),
        ("lost-gpu", "gpu-failure"),
        ("queue-growth", "queue-saturation"),
    ],
)
def test_each_runbook_mends_what_it_is_for(tmp_path: Path, scenario: str, runbook: str) -> None:
    file = tmp_path / "screening.yaml"
    file.write_text(SERVICE)

    [done] = rehearse(load_service(file), load_catalogue(None), [scenario])

    assert failed(done) == {}
    assert [name for name, _ in done.runbooks] == [runbook]
