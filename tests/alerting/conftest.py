"""What several files of tests of alerts ask for."""

from __future__ import annotations

import pytest

from burnline.alerting.inbox import AlertWorker
from burnline.store.database import Database
from tests.alerting.scene import SPEC, Catalogue


@pytest.fixture
def worker(database: Database) -> AlertWorker:
    """A worker that knows card-fraud and its runbook."""
    return AlertWorker(database, [SPEC], Catalogue("bad-release"))
