"""What serves is not what was released: an alert, after replicas had time to change, and its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from burnline.alerting.declared import declare
from burnline.alerting.embedded import EmbeddedDispatch
from burnline.events import ReleaseState
from burnline.runbooks.load import load_catalogue
from burnline.runbooks.match import bindings_for
from burnline.runbooks.releases.registry import Registry, Standing, Start
from burnline.runbooks.releases.transitions import finish
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.inbox import ALERTS, waiting
from burnline.store.releases import record_release

MINUTE = timedelta(minutes=1)


def service(on_mismatch: str = "ticket", **release: Any) -> ServiceSpec:
    version = {"from": "label", "label": "model_version"}
    return ServiceSpec.model_validate(
        {
            "apiVersion": "burnline/v1",
            "service": "fraud",
            "owner": "payments-ml",
            "model": {"name": "fraud", "version": version},
            "release": {"hook": {"alias": {"file": "f"}}, "on_mismatch": on_mismatch, "lineage": "off", **release},
            "runbooks": [{"on": {"alert": "VersionMismatch"}, "run": "version-mismatch"}],
        }
    )


class Scene:
    """A service of which version 2 was released in place of 1."""

    def __init__(self, db: Database, spec: ServiceSpec, now: datetime) -> None:
        self.db, self.spec, self.now = db, spec, now
        self.dispatch = EmbeddedDispatch(db, [spec])

    def release(self, state: ReleaseState | None) -> None:
        registry = Registry(
            self.db, [self.spec], load_catalogue(None), standing=lambda _: Standing(), observe=lambda _: "1"
        )
        begun = registry.start(Start("fraud", "2", "ana"), self.now)
        if state is not None:
            self.db.write(lambda tx: finish(tx, begun, state, "", self.now))

    def serve(self, version: str, minutes: int = 7) -> None:
        self.db.write(lambda tx: record_release(tx, service="fraud", version=version, now=self.now, source="page"))
        for _ in range(minutes):
            self.now += MINUTE
            self.dispatch.run_once(self.now, ())

    def delivered(self) -> list[dict[str, Any]]:
        with self.db.read() as tx:
            return [alert for row in waiting(tx, ALERTS, 100) for alert in json.loads(row.body)["alerts"]]


@pytest.mark.parametrize(
    ("state", "serves", "fires"),
    [
        (None, "1", False),  # under way: both may serve
        (None, "2", False),
        (None, "3", True),
        (ReleaseState.PROMOTED, "2", False),
        (ReleaseState.PROMOTED, "1", True),
        (ReleaseState.ABORTED, "1", False),
        (ReleaseState.ABORTED, "2", True),
        (ReleaseState.FAILED, "2", True),
    ],
)
def test_it_fires_when_another_version_serves_than_the_registry_says(
    database: Database, now: datetime, state: ReleaseState | None, serves: str, fires: bool
) -> None:
    scene = Scene(database, service(), now)
    scene.release(state)

    scene.serve(serves)

    assert [alert["labels"]["alertname"] for alert in scene.delivered()] == ["VersionMismatch"] * fires


def test_it_names_both_versions_waits_for_replicas_and_ends(database: Database, now: datetime) -> None:
    scene = Scene(database, service("page"), now)
    scene.release(ReleaseState.PROMOTED)

    scene.serve("1", minutes=5)
    assert scene.delivered() == []
    scene.serve("1", minutes=2)
    scene.serve("2")

    fired, ended = scene.delivered()
    assert (fired["status"], ended["status"]) == ("firing", "resolved")
    assert fired["labels"]["severity"] == "page"
    assert fired["annotations"]["description"] == ("version 1 serves; by the registry of releases it should be 2")


def test_nothing_released_is_nothing_to_compare_with(database: Database, now: datetime) -> None:
    scene = Scene(database, service(), now)

    scene.serve("7")

    assert scene.delivered() == []


@pytest.mark.parametrize(
    ("spec", "alerts"),
    [(service(), ["VersionMismatch"]), (service("off"), []), (service().model_copy(update={"model": None}), [])],
)
def test_it_is_declared_where_the_version_is_read(spec: ServiceSpec, alerts: Sequence[str]) -> None:
    assert [each.labels["alertname"] for each in declare(spec)] == alerts


def test_its_runbook_is_there_and_changes_nothing() -> None:
    spec = service()
    [alert] = declare(spec)
    recipe = load_catalogue(None).get("version-mismatch")

    [binding] = bindings_for(spec, alert.labels)

    assert binding.run == "version-mismatch"
    assert recipe is not None
    assert not recipe.runbook.acts
