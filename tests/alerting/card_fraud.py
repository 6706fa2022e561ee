"""The service of these tests, and what is on record of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from burnline.spec.service import ServiceSpec
from burnline.store.database import Database
from burnline.store.incidents import Episode
from burnline.store.schema import episode


def service(**more: Any) -> ServiceSpec:
    """card-fraud, with one SLO and one signal."""
    slo = {
        "name": "availability",
        "objective": "99.9%",
        "window": "30d",
        "sli": {"ratio": {"bad": 'requests_total{code="500"}', "total": "requests_total"}},
    }
    whole = {
        "apiVersion": "burnline/v1",
        "service": "card-fraud",
        "owner": "payments-ml",
        "slos": [slo],
        "signals": {"drift": {}},
        **more,
    }
    return ServiceSpec.model_validate(whole)


class Nothing:
    """A catalogue without runbooks."""

    def get(self, runbook_id: str, /) -> None:
        return None


def episodes(db: Database) -> list[Episode]:
    """Every episode, by incident, in the order they joined it."""
    with db.read() as tx:
        rows = tx.execute(select(episode).order_by(episode.c.incident_id, episode.c.id))
        return [Episode(**row) for row in rows.mappings()]
