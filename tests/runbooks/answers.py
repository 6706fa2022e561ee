"""The service `answers`: all of its hooks are files, but for one fake cluster, so what an alert changes can be read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from burnline.alerting.inbox import AlertWorker, accept_webhook
from burnline.events import Counts, RunState
from burnline.runbooks.approvals import decide
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import load_catalogue
from burnline.spec.service import ServiceSpec
from burnline.store import approvals, runs, timeline
from burnline.store.database import Database
from burnline.store.runs import Run
from burnline.store.timeline import Entry
from tests.fakes.kubernetes.server import Served
from tests.fakes.kubernetes.world import node

T0 = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LIBRARY = load_catalogue(None)  # read once: it takes a while
BODIES = Path(__file__).parent / "bodies"
OUTSIDE = "outside"  # the SLO of the other region, which is well
FLAGS: Mapping[str, list[str]] = {
    "traffic": ["5", "0"],
    "region": ["0", "20", "50", "100"],
    "training": ["on", "off"],
    "fallback": ["off", "on"],
    "guardrail": ["normal", "strict"],
    "tools": ["on", "off"],
    "shed": ["off", "on"],
    "scale": ["4", "8"],
    "cap": ["off", "on"],
    "route": ["normal", "cheap"],
}
ALIASES = ("release", "data", "prompt")
PROGRAMS = ("quarantine", "reset", "restart")
WRITE = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
QUICK = {"settle": "1s", "window": "1s", "min_events": 1}
# runbook: what starts it, and its parameters
BINDINGS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "model-degradation": ({"signal": "drift"}, {}),
    "data-outage": ({"alert": "DataStale"}, {"slo": "availability"}),
    "inference-crash": ({"slo": "availability", "severity": "page"}, {"replicas": "8"}),
    "gpu-failure": ({"alert": "GpuXid"}, {"slo": "availability"}),
    "queue-saturation": ({"alert": "QueueSaturated"}, {"slo": "availability", "replicas": "8"}),
    "hallucination-spike": ({"alert": "UngroundedAnswers"}, {"slo": "availability"}),
    "feature-skew": ({"alert": "FeatureSkew"}, {"slo": "quality"}),
    "bad-canary": ({"alert": "CanaryBad"}, {"slo": "availability"}),
    "cost-spike": ({"alert": "CostSpike"}, {"slo": "availability"}),
    "prompt-injection": ({"alert": "CanaryTokenSeen"}, {"slo": "availability"}),
    "region-failover": ({"alert": "RegionDown"}, {"slo": "availability", "target_slo": OUTSIDE}),
}


def _slo(name: str, **sli: Any) -> dict[str, Any]:
    counted = sli or {"ratio": {"bad": 'answers_total{code="500"}', "total": "answers_total"}}
    return {"name": name, "objective": "99%", "window": "12h", "sli": counted}


class Answers:
    """The service, an SLI that is good once `mended` says so, the inbox, and a worker."""

    def __init__(self, db: Database, folder: Path, served: Served, *, mended: Callable[[Answers], bool]) -> None:
        self.db, self.folder, self.now, self.served = db, folder, T0, served
        self._mended = mended
        served.cluster.put(node("gpu-7"))
        (folder / "token").write_text(served.token)
        for name in ALIASES:
            self._registry(name)
        self.spec = self._spec()
        self._inbox = AlertWorker(db, [self.spec], LIBRARY)
        self._worker = Executor(db, [self.spec], LIBRARY, self, owner="worker", elapsed=lambda: 0.0)

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts:
        good = slo == OUTSIDE or self._mended(self)
        return Counts(0.0 if good else 40.0, 100.0)

    def replay(self, name: str) -> None:
        """Deliver the stored webhook of a runbook's alert, twice as an HA pair may, and work off what waits."""
        body = (BODIES / f"{name}.json").read_bytes()
        for source in ("am", "am"):
            accept_webhook(self.db, body, source=source, now=self.now, limit_bytes=10**6)
        self._inbox.run_once(self.now)

    def play(self) -> None:
        """Turn after turn, whenever the run wakes; whoever is asked says yes."""
        for _ in range(100):
            self._worker.run_once(self.now)
            with self.db.read() as tx:
                asked = [each for each, _ in approvals.pending_approvals(tx)]
            for each in asked:
                for actor in ("ana", "ben")[: each.required]:
                    decide(
                        self.db,
                        each.id,
                        actor=actor,
                        decision="approve",
                        plan_hash=each.plan_hash,
                        reason="",
                        now=self.now,
                    )
            run = self.run()
            if run.state is RunState.FINISHED:
                return
            self.now = max(self.now + SECOND, min(run.wake_at or self.now, self.now + 60 * SECOND))

    def run(self) -> Run:
        """The one run."""
        with self.db.read() as tx:
            [found] = runs.runs(tx, 10)
        return found

    def record(self) -> list[Entry]:
        """The timeline of its incident, whose chain holds."""
        with self.db.read() as tx:
            record = timeline.entries(tx, self.run().incident_id)
        assert timeline.first_broken(record) is None
        return record

    def state(self, hook: str) -> str:
        """What the hook's file says."""
        if hook == "node":
            found = self.served.cluster.get("Node", "gpu-7")
            return "cordoned" if found["spec"].get("unschedulable") else "schedulable"
        file = self.folder / hook
        if hook in ALIASES:
            return str(json.loads(file.read_text())["aliases"]["current"])
        if file.exists():
            return file.read_text().strip()
        return FLAGS[hook][0] if hook in FLAGS else ""

    def _registry(self, name: str) -> None:
        released = (T0 - timedelta(minutes=10)).isoformat()
        history = [
            {"alias": "current", "from": None, "to": "1", "at": "2025-12-01T00:00:00Z", "by": "pipeline"},
            {"alias": "current", "from": "1", "to": "2", "at": released, "by": "pipeline"},
        ]
        content = {"aliases": {"current": "2"}, "versions": {"1": {}, "2": {}}, "history": history}
        (self.folder / name).write_text(json.dumps(content))

    def _spec(self) -> ServiceSpec:
        def alias(name: str) -> dict[str, Any]:
            return {"alias": {"file": str(self.folder / name), "alias": "current"}}

        def program(name: str) -> dict[str, Any]:
            argv = [sys.executable, "-c", WRITE, str(self.folder / name), "${to}"]
            return {"command": {"argv": argv, "idempotent": True}}

        cluster = {"api": self.served.url, "token": f"file:{self.folder}/token", "namespace": "prod"}
        flags = {
            name: {"flag_file": {"file": str(self.folder / name), "states": states}} for name, states in FLAGS.items()
        }
        bindings = [
            {"on": on, "run": name, "approval": "none", "params": _known({**QUICK, **params}, name)}
            for name, (on, params) in BINDINGS.items()
        ]
        return ServiceSpec.model_validate(
            {
                "apiVersion": "burnline/v1",
                "service": "answers",
                "owner": "answers-ml",
                "signals": {"drift": {}},
                "slos": [_slo("availability"), _slo("quality", signal="drift"), _slo(OUTSIDE)],
                "release": {"hook": alias("release")},
                "actions": {
                    **flags,
                    **{name: alias(name) for name in ALIASES if name != "release"},
                    **{name: program(name) for name in PROGRAMS},
                    "node": {"k8s_node": {"cluster": cluster, "wait": "0s", "timeout": "2s", "match": "gpu-[0-9]+"}},
                },
                "runbooks": bindings,
            }
        )


def _known(params: Mapping[str, Any], runbook: str) -> dict[str, Any]:
    recipe = LIBRARY.get(runbook)
    assert recipe is not None
    return {name: value for name, value in params.items() if name in recipe.runbook.params}
