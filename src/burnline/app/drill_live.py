"""`burnline drill --live`: post a drill alert to a running burnline, and follow its run to the end."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from burnline.alerting.declared import declare
from burnline.alerting.webhook import fingerprint
from burnline.app.commands import decide, fetch, show
from burnline.app.drill_command import find_service
from burnline.app.drills.report import checks_of
from burnline.app.drills.scenarios import Harm, scenario
from burnline.errors import BurnlineError
from burnline.metrics import SERVICE, SEVERITY
from burnline.runbooks.match import DRILL, bindings_for
from burnline.spec.binding import RunbookBinding
from burnline.spec.service import ServiceSpec
from burnline.spec.units import parse_duration

LOOK_SECONDS = 0.5
RUN_SECONDS = 60.0  # until a run must have been requested
DRILL_ID = "drill_id"  # keeps two drills apart: an alert that fires again soon goes on with its old episode


def drill_live(
    name: str, services: Path | None, scenarios: Sequence[str], *, server: str, person: str, timeout: str, as_text: bool
) -> int:
    """Drill every runbook that is bound (or those of the scenarios' alerts), one after the other; 1 when one failed.

    Raises: BurnlineError when the service names no drill targets, or burnline does not answer.
    """
    spec = find_service(services, name)
    if not spec.drill.hooks:
        raise BurnlineError(f"{name} names no `drill.hooks`: a live drill would have nothing that it may reach")
    try:
        longest = parse_duration(timeout)
    except ValueError as error:
        raise BurnlineError(f"--timeout: {error}") from error
    done = []
    for binding, labels in alerts_for(spec, scenarios):
        kept = Live(server, binding, labels, person=person, longest=longest, talk=as_text).follow()
        done.append(kept)
        if as_text:
            show(f"{binding.run}: {'passed' if kept['passed'] else 'FAILED'} (live, run {kept['run_id']})")
            for line in checks_of(kept):
                show(line)
    if not as_text:
        sys.stdout.write(json.dumps(done, indent=2) + "\n")
    return 0 if all(each["passed"] for each in done) else 1


def alerts_for(spec: ServiceSpec, scenarios: Sequence[str]) -> list[tuple[RunbookBinding, dict[str, str]]]:
    """For each runbook that is bound, an alert that starts it; with scenarios, only alerts of what they harm.

    Raises: BurnlineError when there is none.
    """
    harmed: set[str] = set()
    for name in scenarios:
        harm = scenario(name).harm(spec)
        if not isinstance(harm, Harm):
            raise BurnlineError(f"{name} does not apply to {spec.service}: {harm}")
        harmed |= {*harm.shares, *harm.signals}
    found: dict[str, tuple[RunbookBinding, dict[str, str]]] = {}
    for labels in _labels(spec):
        for binding in bindings_for(spec, labels):
            about = binding.on.slo or binding.on.signal
            if not scenarios or about in harmed:
                found.setdefault(binding.run, (binding, labels))
    if not found:
        raise BurnlineError(f"no runbook of {spec.service} is bound to an alert that could be drilled")
    return list(found.values())


def _labels(spec: ServiceSpec) -> Iterator[dict[str, str]]:
    """The labels of every alert that may start a runbook."""
    for alert in declare(spec):
        yield dict(alert.labels)
    for binding in spec.runbooks:
        if binding.on.alert is not None:
            severity = binding.on.severity or "page"
            yield {"alertname": binding.on.alert, SERVICE: spec.service, SEVERITY: severity, **binding.on.labels}


class Live:
    """One drill of one runbook."""

    def __init__(
        self,
        server: str,
        binding: RunbookBinding,
        labels: Mapping[str, str],
        *,
        person: str,
        longest: timedelta,
        talk: bool,
    ) -> None:
        self._server, self._binding, self._person, self._talk = server, binding, person, talk
        self._labels = {**labels, DRILL: "true", DRILL_ID: secrets.token_hex(4)}
        self._service = labels[SERVICE]
        self._began = datetime.now(UTC)
        self._deadline = time.monotonic() + longest.total_seconds()
        self._asked: set[int] = set()  # approvals that were shown
        self._shown = 0  # steps

    def follow(self) -> dict[str, Any]:
        """The drill as the server keeps it.

        Raises: BurnlineError when no run starts, or it does not end in time.
        """
        before = {run["id"] for run in self._runs()}
        self._refuse_busy()
        self._post(None)
        try:
            run = self._until_over(self._until_started(before))
        finally:
            self._post(datetime.now(UTC))
        answer = fetch(self._server, "/v1/drills", {"service": self._service, "run": run["id"]})
        kept: dict[str, Any] = answer["drill"]
        return kept

    def _runs(self) -> list[dict[str, Any]]:
        runs = fetch(self._server, "/v1/runs?limit=1000")
        return [run for run in runs if run["service"] == self._service and run["runbook"] == self._binding.run]

    def _refuse_busy(self) -> None:
        if open_run := next((run["id"] for run in self._runs() if run["outcome"] is None), None):
            raise BurnlineError(f"run {open_run} of {self._binding.run} is under way: a drill would join it")

    def _post(self, ended: datetime | None) -> None:
        alert: dict[str, Any] = {
            "status": "resolved" if ended else "firing",
            "labels": self._labels,
            "annotations": {"summary": f"DRILL of {self._service}: {self._binding.run}"},
            "startsAt": self._began.isoformat(),
            "fingerprint": fingerprint(self._labels),
        }
        if ended:
            alert["endsAt"] = ended.isoformat()
        fetch(self._server, "/v1/alerts", {"version": "4", "alerts": [alert]})

    def _until_started(self, before: set[int]) -> dict[str, Any]:
        until = time.monotonic() + RUN_SECONDS
        while time.monotonic() < until:
            started = [run for run in self._runs() if run["id"] not in before and run["drill"]]
            if started:
                return started[-1]
            time.sleep(LOOK_SECONDS)
        late = f"no run of {self._binding.run} started within {RUN_SECONDS:.0f} s"
        raise BurnlineError(f"{late}: does {self._server} watch the same file?")

    def _until_over(self, run: dict[str, Any]) -> dict[str, Any]:
        while run["outcome"] is None:
            if time.monotonic() > self._deadline:
                raise BurnlineError(f"run {run['id']} is not over in time; it goes on, and is not judged")
            time.sleep(LOOK_SECONDS)
            self._answer(run["id"])
            run = fetch(self._server, f"/v1/runs/{run['id']}")
            self._tell(run)
        return run

    def _answer(self, run_id: int) -> None:
        """Say yes in the person's name, where one was given; else say how to."""
        for asked in fetch(self._server, "/v1/approvals"):
            if asked["run_id"] != run_id or self._person in asked.get("approved_by", ()):
                continue
            if self._person:
                decide(self._server, asked["id"], "approve", self._person, "drill")
            elif self._talk and asked["id"] not in self._asked:
                self._asked.add(asked["id"])
                show(f"  waits for a person: burnline runs approve {asked['id']} --as NAME")

    def _tell(self, run: Mapping[str, Any]) -> None:
        ended = [step for step in run["steps"] if step["ended_at"]]
        for step in ended[self._shown :] if self._talk else ():
            show(f"  {step['name']}: {step['state']}: {(step['result'] or {}).get('text', '')}")
        self._shown = len(ended)
