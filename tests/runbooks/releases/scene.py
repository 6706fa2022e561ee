"""A service whose versions serve as the test says, a registry of releases, and the workers that take it on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from burnline.errors import CollectorError
from burnline.events import Counts, ReleaseState
from burnline.runbooks.executor import Executor
from burnline.runbooks.load import load_catalogue
from burnline.runbooks.releases.reading import Readers
from burnline.runbooks.releases.registry import Registry, Standing, Start
from burnline.runbooks.releases.worker import ReleaseWorker
from burnline.runbooks.turn import Around
from burnline.spec.service import ServiceSpec
from burnline.spec.slice import Slice
from burnline.store import rollouts, timeline
from burnline.store.database import Database
from burnline.store.rollouts import Look, Rollout
from tests.runbooks.scene import T0, make_spec

MINUTE = timedelta(minutes=1)
SEQUENTIAL = {"sli": "availability", "kind": "sequential", "worse_than_baseline": "1x", "min_events": 500}
LINEAGE = {"commit": "abc", "data": "s3://d/7", "environment": "sha256:e", "seeds": [1], "metrics": {"auc": 0.9}}


class Versions:
    """What each version's requests come to: per minute so many, of which so many fail."""

    def __init__(self) -> None:
        self.served = {"1": Counts(9, 900), "2": Counts(1, 100)}
        self.values: dict[str, tuple[float, ...]] = {}
        self.watched: list[Slice] = []
        self.silent = self.broken = False

    def watch(self, slices: Iterable[Slice]) -> None:
        self.watched = list(slices)

    def read_slice(self, of: Slice, since: datetime, until: datetime) -> Counts | None:
        if self.broken:
            raise CollectorError("Prometheus is down")
        served = self.served.get(self._version(of))
        if served is None or self.silent or of not in self.watched:
            return None
        minutes = (until - since) / MINUTE
        return Counts(served.bad * minutes, served.total * minutes)

    def read_values(self, of: Slice, at: datetime) -> tuple[float, ...]:
        return self.values.get(self._version(of), ())

    def read_sli(self, service: str, slo: str, since: datetime, until: datetime) -> Counts | None:
        if self.silent:
            return None
        minutes = (until - since) / MINUTE
        whole = [sum(getattr(each, name) for each in self.served.values()) * minutes for name in ("bad", "total")]
        return Counts(*whole)

    @staticmethod
    def _version(of: Slice) -> str:
        selector = of.gauge or (of.sli.ratio.total if of.sli and of.sli.ratio else None)
        return next((each.value for each in selector.matchers if each.label == "version"), "") if selector else ""


class Scene:
    """The service `fraud` on version 1, of which version 2 is released beside it."""

    def __init__(self, db: Database, folder: Path, **release: Any) -> None:
        self.db = db
        self.aliases = {name: folder / f"{name}.json" for name in ("champion", "traffic")}
        _write(self.aliases["champion"], "champion", "1", ("1", "2", "3"))
        _write(self.aliases["traffic"], "champion", "0", ("0", "5", "50", "100"))
        self.standing = Standing()
        self.versions = Versions()
        self.halted = ""
        self.spec = self.spec_with(**release)
        self.books = load_catalogue(None)
        self.now = T0

    def spec_with(self, **release: Any) -> ServiceSpec:
        whole = {
            "hook": {"alias": {"file": str(self.aliases["champion"])}},
            "canary": {"version": "${version}"},
            "baseline": {"version": "${previous}"},
            "steps": [{"traffic": "5%", "bake": "5m"}, {"traffic": "50%", "bake": "5m"}],
            "guards": [SEQUENTIAL],
            **release,
        }
        actions = {"shift": {"alias": {"file": str(self.aliases["traffic"])}}}
        return make_spec(None, release=whole, actions=actions)

    @property
    def registry(self) -> Registry:
        return Registry(
            self.db,
            [self.spec],
            self.books,
            standing=lambda _service: self.standing,
            observe=lambda _spec: self.serves("champion"),
        )

    def worker(self) -> ReleaseWorker:
        readers = Readers(self.db, self.versions, self.versions)
        return ReleaseWorker(
            readers,
            self.books,
            standing=lambda _service, _now: self.standing,
            observe=lambda _service: self.serves("champion"),
        )

    def executor(self, owner: str = "worker") -> Executor:
        around = Around(halted=lambda: self.halted)
        return Executor(
            self.db, [self.spec], self.books, self.versions, owner=owner, around=around, elapsed=lambda: 0.0
        )

    def start(self, **changes: Any) -> Rollout:
        wish = {"service": "fraud", "version": "2", "by": "ana", "lineage": LINEAGE, **changes}
        return self.registry.start(Start(**wish), self.now)

    def play(self, minutes: int, *, until: ReleaseState | None = None) -> Rollout:
        """Half a minute a turn; the canary's errors end once version 1 serves all again."""
        worker, executor, end = self.worker(), self.executor(), self.now + minutes * MINUTE
        while self.now < end and (until is None or self.rollout().state is not until):
            self.now += MINUTE / 2
            worker.run_once(self.now)
            executor.run_once(self.now)
            if self.rollout().state.over:
                break
        return self.rollout()

    def rollout(self) -> Rollout:
        with self.db.read() as tx:
            found = rollouts.latest_rollout(tx, "fraud")
        assert found is not None
        return found

    def looks(self) -> list[Look]:
        with self.db.read() as tx:
            return rollouts.looks_of(tx, self.rollout().id)

    def record(self) -> list[timeline.Entry]:
        with self.db.read() as tx:
            return timeline.entries(tx, self.rollout().incident_id)

    def types(self) -> list[str]:
        return [entry.type for entry in self.record() if entry.source == "release"]

    def deploy(self, version: str, name: str = "champion") -> None:
        """As a pipeline would: not by burnline."""
        content = json.loads(self.aliases[name].read_text())
        change = {
            "alias": "champion",
            "from": content["aliases"]["champion"],
            "to": version,
            "at": self.now.isoformat(),
        }
        content["aliases"]["champion"] = version
        content["history"].append(change)
        self.aliases[name].write_text(json.dumps(content))

    def serves(self, name: str) -> str:
        return str(json.loads(self.aliases[name].read_text())["aliases"]["champion"])

    def changes(self, name: str) -> list[str]:
        """What was set, in order."""
        return [each["to"] for each in json.loads(self.aliases[name].read_text())["history"][1:]]


def _write(path: Path, alias: str, now: str, versions: Iterable[str]) -> None:
    first = {"alias": alias, "from": None, "to": now, "at": "2025-12-01T00:00:00Z", "by": "pipeline"}
    path.write_text(
        json.dumps({"aliases": {alias: now}, "versions": {key: {} for key in versions}, "history": [first]})
    )
