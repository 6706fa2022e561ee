"""A service on which every scenario can be drilled, and the runbooks that mend it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from burnline.app.drills.rehearsal import Drilled, rehearse
from burnline.runbooks.load import load_catalogue
from burnline.spec.load import load_service
from burnline.spec.service import ServiceSpec

SERVICE = """
apiVersion: burnline/v1
service: scoring
owner: scoring-ml
escalation:
  page: ["webhook:https://pager.invalid/page", "mailto:lead@example.com"]
  ticket: ["webhook:https://pager.invalid/ticket"]
  business: ["mailto:business@example.com"]
collect:
  - {url: "http://scoring.invalid/metrics", interval: 1m}
model:
  name: scoring
  version: {from: label, label: model_version}
  reference: reference.json
signals:
  drift: {window: 5m}
slos:
  - {name: availability, objective: 99%, window: 30d,
     sli: {ratio: {bad: 'http_requests_total{status=~"5.."}', total: http_requests_total}}}
  - {name: latency, objective: 98%, window: 30d,
     sli: {latency: {histogram: http_request_duration_seconds, below: 250ms}}}
  - {name: quality, objective: 98%, window: 30d, sli: {signal: drift}}
  - {name: freshness, objective: 99%, window: 30d, sli: {freshness: {timestamp: features_updated_seconds, max_age: 5m}}}
  - {name: queue, objective: 99%, window: 30d, sli: {threshold: {gauge: queue_depth, above: 100}}}
  - {name: gpus, objective: 99%, window: 30d, sli: {threshold: {gauge: healthy_gpus, below: 8}}}
release:
  hook: {alias: {file: /nowhere/registry.json}}
actions:
  fallback: {flag_file: {file: /nowhere/fallback}}
  replicas: {k8s_scale: {name: scoring, max: 10}}
runbooks:
  - {on: {slo: availability, severity: page}, run: back, approval: one}
  - {on: {slo: latency, severity: page}, run: back, approval: none}
  - {on: {slo: quality, severity: page}, run: back, approval: none}
  - {on: {slo: freshness, severity: page}, run: switch, approval: none}
  - {on: {slo: queue, severity: page}, run: switch, approval: none}
  - {on: {slo: gpus, severity: page}, run: grow, approval: two, approvers: [ines, jo]}
drill:
  targets: {detect: 40m, respond: 45m, recover: 2h}
"""
TARGETS = {"detect": "40m", "respond": "45m", "recover": "2h"}
RUNBOOK = """
apiVersion: burnline/v1
id: NAME
version: 1
description: Mend the service in a drill.
steps:
  - {name: look, check: {window: 5m}}
  - {name: ask, approve: {expires: 30m}}
  - {name: mend, act: ACT}
  - {name: say, notify: {text: it is being mended, to: business}}
  - {name: prove, verify: {settle: 5m, window: 5m, good: 2, of: 3}}
prose: {meaning: m, impact: i, diagnosis: d, mitigation: m, rollback: r, verify: v, escalation: call, afterwards: a}
"""
ACTS = {
    "back": "{hook: release, to: previous, irreversible: true}",
    "switch": '{hook: fallback, to: "on", undo: before}',
    "grow": '{hook: replicas, to: "+2", undo: before}',
}


def write_service(folder: Path, text: str = SERVICE) -> Path:
    """The service file in `folder`, with the runbooks beside it in `runbooks`."""
    (folder / "runbooks").mkdir(exist_ok=True)
    for name, act in ACTS.items():
        (folder / "runbooks" / f"{name}.yaml").write_text(RUNBOOK.replace("NAME", name).replace("ACT", act))
    file = folder / "scoring.yaml"
    file.write_text(text)
    return file


def read(folder: Path, text: str = SERVICE) -> ServiceSpec:
    """The service of `text`."""
    return load_service(write_service(folder, text))


def drilled(folder: Path, scenario: str, text: str = SERVICE, *, seed: int = 0) -> Drilled:
    """One scenario, drilled in simulation."""
    [done] = rehearse(read(folder, text), load_catalogue(folder / "runbooks"), [scenario], seed=seed)
    return done


@cache
def plain(scenario: str) -> Drilled:
    """One scenario on the service as it is: a drill is the same whenever it is played."""
    with TemporaryDirectory() as folder:
        return drilled(Path(folder), scenario)


def failed(done: Drilled) -> dict[str, str]:
    """The checks that failed, with what was found."""
    return {check.name: check.text for check in done.checks if not check.ok}
