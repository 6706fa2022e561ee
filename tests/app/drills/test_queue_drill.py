"""A promise on a queue that burnline watches itself: the drill and the runbook for queues fit it."""

from __future__ import annotations

from pathlib import Path

from burnline.app.drills.rehearsal import rehearse
from burnline.runbooks.load import load_catalogue
from burnline.spec.load import load_service
from tests.app.drills.scene import failed

SERVICE = """
apiVersion: burnline/v1
service: card-fraud
owner: payments-ml
escalation: {page: ["mailto:oncall@example.com", "mailto:lead@example.com"], ticket: ["mailto:tickets@example.com"]}
collect:
  - queue: {redis_stream: transactions, group: scorers, url: "env:REDIS_URL"}
slos:
  - {name: waiting, objective: 99%, window: 30d,
     sli: {threshold: {gauge: burnline_queue_oldest_message_age_seconds, above: 30}}}
actions:
  shed: {flag_file: {file: /nowhere/shed}}
  scale: {k8s_scale: {name: scorers, max: 9}}
runbooks: [{on: {slo: waiting, severity: page}, run: queue-saturation}]
drill: {targets: {detect: 30m, respond: 30m, recover: 2h}}
"""


def test_the_runbook_for_queues_mends_a_queue_that_grows(tmp_path: Path) -> None:
    file = tmp_path / "card-fraud.yaml"
    file.write_text(SERVICE)

    [done] = rehearse(load_service(file), load_catalogue(None), ["queue-growth"])

    assert failed(done) == {}
    assert [name for name, _ in done.runbooks] == ["queue-saturation"]
