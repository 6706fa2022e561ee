"""A service with a bad release, an SLI that tells the truth about the registry, and a database to run runbooks on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from burnline.events import AlertEvent, Counts, RunRequest, RunState
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import Catalogue, Recipe, load_catalogue, load_runbook
from burnline.spec.service import ServiceSpec
from burnline.store import incidents, runs, timeline
from burnline.store.database import Database
from burnline.store.runs import Run, StepRow

T0 = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
QUICK = {"settle": "1s", "window": "1s", "min_events": 10}
BURN = {"alertname": "ErrorBudgetBurn", "service": "fraud", "slo": "availability", "severity": "page"}


def write_registry(path: Path, *, released: datetime = T0 - timedelta(minutes=10)) -> Path:
    """A registry on which version 2 took over from version 1."""
    change = {"alias": "champion", "from": "1", "to": "2", "at": released.isoformat(), "by": "pipeline"}
    first = {"alias": "champion", "from": None, "to": "1", "at": "2025-12-01T00:00:00Z", "by": "pipeline"}
    content = {"aliases": {"champion": "2"}, "versions": {"1": {}, "2": {}, "3": {}}, "history": [first, change]}
    path.write_text(json.dumps(content))
    return path


def read_registry(path: Path) -> dict[str, Any]:
    """The registry's content."""
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def make_spec(registry: Path | None, **changes: Any) -> ServiceSpec:
    """The service `fraud`, rolled back by its alias."""
    ratio = {"bad": 'http_requests_total{status=~"5.."}', "total": "http_requests_total"}
    data: dict[str, Any] = {
        "apiVersion": "burnline/v1",
        "service": "fraud",
        "owner": "payments-ml",
        "signals": {"drift": {}},
        "slos": [
            {"name": "availability", "objective": "99%", "window": "12h", "sli": {"ratio": ratio}},
            {"name": "quality", "objective": "95%", "window": "12h", "sli": {"signal": "drift"}},
        ],
    }
    if registry is not None:
        data["release"] = {"hook": {"alias": {"file": str(registry)}}}
    return ServiceSpec.model_validate({**data, **changes})


class Service:
    """An SLI reader: requests fail while the bad version serves. `share` overrides what fails."""

    def __init__(self, registry: Path, *, bad_version: str = "2") -> None:
        self.registry = registry
        self.bad_version = bad_version
        self.share: float | None = None
        self.total = 100.0
        self.asked: list[str] = []

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        self.asked.append(slo)
        serving = read_registry(self.registry)["aliases"]["champion"]
        share = self.share if self.share is not None else (0.4 if serving == self.bad_version else 0.0)
        return Counts(share * self.total, self.total) if self.total else None


def make_recipe(folder: Path, **changes: Any) -> Recipe:
    """The library's bad-release with parts replaced."""
    library = load_catalogue(None).get("bad-release")
    assert library is not None
    file = folder / "runbook.yaml"
    file.write_text(json.dumps({**json.loads(library.body), **changes}))  # JSON is YAML, and written at once
    return load_runbook(file)


def request(
    db: Database,
    recipe: Recipe,
    *,
    labels: Mapping[str, str] = BURN,
    approval: str = "none",
    params: Mapping[str, Any] | None = None,
    service: str = "fraud",
    at: datetime = T0,
    approvers: Mapping[str, str | None] | None = None,
    drill: bool = False,
) -> int:
    """An alert with these labels, in the service's open incident, and the run it starts."""

    def start(tx: Any) -> int:
        incident = incidents.open_incident(tx, service) or incidents.start_incident(
            tx, service=service, title="it burns", now=at
        )
        fingerprint = f"{abs(hash(tuple(sorted(labels.items())))) % 16**16:016x}"
        alert = AlertEvent("test", fingerprint, "firing", dict(labels), {}, at, None)
        episode = incidents.start_episode(tx, alert, incident_id=incident.id, service=service, now=at)
        wanted = RunRequest(
            service=service,
            runbook=recipe.runbook.id,
            episode_id=episode.id,
            incident_id=incident.id,
            approval=approval,
            params=dict(QUICK if params is None else params),
            approvers=dict(approvers or {}),
            drill=drill,
        )
        run_id = runs.request_run(tx, wanted, digest=recipe.digest, body=recipe.body, now=at)
        assert run_id is not None
        return run_id

    return db.write(start)


class Scene:
    """A burning service, its runbook, and a worker whose clock the test moves."""

    def __init__(self, db: Database, folder: Path, **changes: Any) -> None:
        self.db = db
        self.folder = folder
        self.registry = write_registry(folder / "registry.json")
        self.sli = Service(self.registry)
        self.spec = make_spec(self.registry, **changes)
        self.recipe = make_recipe(folder)
        self.now = T0

    def executor(self, *, owner: str = "worker", lease: timedelta = timedelta(seconds=30), **changes: Any) -> Executor:
        """A worker; its times are exactly the test's."""
        catalogue = Catalogue({self.recipe.runbook.id: self.recipe})
        given = {"elapsed": lambda: 0.0, **changes}
        return Executor(self.db, [self.spec], catalogue, self.sli, owner=owner, lease=lease, **given)

    def request(self, **changes: Any) -> int:
        """A run of the scene's runbook."""
        return request(self.db, self.recipe, at=self.now, **changes)

    def play(self, seconds: int = 30, *, executor: Executor | None = None) -> None:
        """One turn a second, until every run has ended; the clock moves on by `seconds` either way."""
        worker, end = executor or self.executor(), self.now + seconds * SECOND
        while self.now < end and self._open():
            worker.run_once(self.now)
            self.now += SECOND
        self.now = end

    def _open(self) -> bool:
        with self.db.read() as tx:
            return any(run.state is not RunState.FINISHED for run in runs.runs(tx, 100))

    def run(self, run_id: int) -> Run:
        with self.db.read() as tx:
            found = runs.get_run(tx, run_id)
        assert found is not None
        return found

    def steps(self, run_id: int) -> list[StepRow]:
        with self.db.read() as tx:
            return runs.steps(tx, run_id)

    def told(self, run_id: int) -> list[tuple[str, str]]:
        """The timeline of the run's incident: (type, text)."""
        with self.db.read() as tx:
            record = timeline.entries(tx, self.run(run_id).incident_id)
        assert timeline.first_broken(record) is None
        return [(entry.type, entry.text) for entry in record]

    def story(self, run_id: int) -> str:
        """The timeline as one text."""
        return "\n".join(f"{kind}: {text}" for kind, text in self.told(run_id))

    def serving(self) -> str:
        return str(read_registry(self.registry)["aliases"]["champion"])

    def changes(self) -> list[dict[str, Any]]:
        """What burnline changed in the registry."""
        return [change for change in read_registry(self.registry)["history"] if change.get("by") == "burnline"]

    def hook(self) -> AliasHook:
        return AliasHook(self.registry, "champion")
