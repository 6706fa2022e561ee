"""Runs of a runbook a second, from the alert to the proof, each step kept before and after it is done.

Each run looks, changes one thing and proves it: 5 steps with the guards, on a hook that does nothing, so that what is
measured is the record. Four executors share the database, as in `burnline up`. The peer is the same with every write in
a commit of its own (no group commit). PostgreSQL is measured where Debian's is installed (fsync on).
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

sys.path.insert(0, str(Path(__file__).parents[1]))

from burnline.events import AlertEvent, Counts, RunRequest, RunState
from burnline.runbooks.actions.contract import Hook, Plan
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import Catalogue, Recipe, load_catalogue
from burnline.runbooks.turn import Around
from burnline.spec.service import RELEASE, ServiceSpec
from burnline.store import database, incidents, runs
from burnline.store.database import Database, open_database

RUNS, EXECUTORS = 200, 4
T0 = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
PARAMS = {"settle": "1s", "window": "1s", "cooldown": "0s"}


class Instant:
    """A hook that is done at once; each run has a target of its own."""

    kind, idempotent = "instant", True

    def __init__(self, target: str) -> None:
        self.target, self.state = target, "2"

    def observe(self) -> str:
        return self.state

    def changed_at(self) -> datetime:
        return T0

    def plan(self, target: str) -> Plan:
        return Plan(self.kind, self.target, self.state, "1")

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        self.state = target
        return True

    def verify(self, target: str) -> bool:
        return self.state == target


class Good:
    """An SLI that is always kept."""

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts:
        return Counts(0, 100)


def spec_of(n: int) -> ServiceSpec:
    sli = {"ratio": {"bad": 'requests_total{code="500"}', "total": "requests_total"}}
    return ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": f"service-{n}",
            "owner": "bench",
            "slos": [{"name": "availability", "objective": "99%", "window": "30d", "sli": sli}],
            "release": {"hook": {"alias": {"file": "/nowhere"}}},
        }
    )


def request(tx: Connection, recipe: Recipe, n: int, service: str) -> None:
    incident = incidents.start_incident(tx, service=service, title="a burn", now=T0)
    labels: Mapping[str, str] = {"alertname": "ErrorBudgetBurn", "service": service, "slo": "availability"}
    alert = AlertEvent("bench", f"{n:016x}", "firing", labels, {}, T0, None)
    episode = incidents.start_episode(tx, alert, incident_id=incident.id, service=service, now=T0)
    wanted = RunRequest(service, recipe.runbook.id, episode.id, incident.id, "none", PARAMS)
    runs.request_run(tx, wanted, digest=recipe.digest, body=recipe.body, now=T0)


def request_all(tx: Connection, recipe: Recipe, specs: Sequence[ServiceSpec]) -> None:
    for n, spec in enumerate(specs):
        request(tx, recipe, n, spec.service)


def rate(db: Database) -> float:
    """Runs a second from a full queue to the last one's end."""
    recipe = load_catalogue(None).get("bad-release")
    assert recipe is not None
    specs = [spec_of(n) for n in range(RUNS)]
    instants = {spec.service: Instant(spec.service) for spec in specs}
    db.write(lambda tx: request_all(tx, recipe, specs))

    def hooks(spec: ServiceSpec, name: str = RELEASE, *, item: str = "", drill: bool = False) -> Hook:
        return instants[spec.service]

    many = Around(changes_per_hour=10 * RUNS, services_share=1.0, services=RUNS)
    workers = [
        Executor(db, specs, Catalogue({}), Good(), owner=f"w{n}", hooks=hooks, around=many, elapsed=lambda: 0.0)
        for n in range(EXECUTORS)
    ]
    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(db, worker)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return RUNS / (time.perf_counter() - began)


def work(db: Database, worker: Executor) -> None:
    """Turns until every run has ended; a second of the service's time passes with each."""
    now = T0
    while True:
        taken = worker.run_once(now)
        now += timedelta(seconds=1)
        if not taken and now > T0 + timedelta(seconds=30):
            with db.read() as tx:
                if all(run.state is RunState.FINISHED for run in runs.runs(tx, RUNS)):
                    return


@contextmanager
def group_commit(on: bool) -> Iterator[None]:
    """With or without several writes in one commit."""
    whole = database.MAX_BATCH
    database.MAX_BATCH = whole if on else 1
    try:
        yield
    finally:
        database.MAX_BATCH = whole


def measure(url: str) -> float:
    db = open_database(url)
    try:
        return rate(db)
    finally:
        db.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with group_commit(True):
            grouped = measure(f"sqlite:///{folder}/grouped.db")
        with group_commit(False):
            single = measure(f"sqlite:///{folder}/single.db")
    print(f"SQLite: {grouped:.0f} runs/s; each write in a commit of its own {single:.0f}: {grouped / single:.1f} x")
    try:
        from tests.postgres import postgres_server
    except ImportError:
        return
    with postgres_server() as url, group_commit(True):
        print(f"PostgreSQL: {measure(url):.0f} runs/s")


if __name__ == "__main__":
    main()
