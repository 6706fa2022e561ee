"""Which version serves is a series: absent until one was seen."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from burnline.collectors.registry import RegistryCollector
from burnline.errors import NoData
from burnline.store.database import Database
from burnline.store.releases import record_release


def test_the_newest_version_is_the_one_that_serves(database: Database, now: datetime) -> None:
    collector = RegistryCollector(database, "shop", interval=timedelta(seconds=15))
    with pytest.raises(NoData):
        collector.collect(now)
    for version in ("7", "8"):
        database.write(lambda tx, v=version: record_release(tx, service="shop", version=v, now=now, source="test"))  # type: ignore[misc]

    info, since = collector.collect(now + timedelta(hours=1))

    assert (info.labels, info.value) == ({"version": "8", "approved": "unknown"}, 1.0)
    assert since.value == now.timestamp()
