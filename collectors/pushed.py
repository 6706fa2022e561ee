"""Series that others post (jobs, business numbers, telemetry), read back from the store like a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from burnline.collectors.contract import PUSHED
from burnline.errors import NoData, NotAsked
from burnline.events import Sample
from burnline.metrics import SERVICE
from burnline.store import series, streams
from burnline.store.database import Database

OWN = "burnline_"  # names that nobody else can give
OTLP_GAUGE_LASTS = timedelta(minutes=5)  # OpenTelemetry sends every minute: Prometheus waits as long
PARTS = ("_bucket", "_count", "_sum")  # of a histogram
GAUGE_LASTS = timedelta(hours=26)  # a number that is posted once a day is still of today


class PushedCollector:
    """One service's posted series. A gauge that nobody set for GAUGE_LASTS is not served any more."""

    name = PUSHED
    target = "posted to burnline"
    measured = True

    def __init__(self, db: Database, service: str, *, interval: timedelta, expected: bool = False) -> None:
        self.service = service
        self.interval = interval
        self._db = db
        self._nothing = NoData if expected else NotAsked

    def collect(self, now: datetime) -> Sequence[Sample]:
        """Every counter, and every gauge that is not too old.

        What others named has the label `service`: Prometheus finds the metrics of several services on one page, and an
        SLO that names its own means the same to both engines.

        Raises: NoData when nothing was ever posted; NotAsked when nothing is `expected` either.
        """
        with self._db.read() as tx:
            found = series.samples(tx, self.service, since=now - GAUGE_LASTS)
            found += streams.gauges(tx, self.service, since=now - OTLP_GAUGE_LASTS)
        if not found:
            raise self._nothing("nothing was posted yet")
        return [self._named(sample) for sample in sorted(found, key=_place)]

    def _named(self, sample: Sample) -> Sample:
        if sample.name.startswith(OWN):
            return sample
        return Sample(sample.name, {**sample.labels, SERVICE: self.service}, sample.value)


def _place(sample: Sample) -> tuple[str, list[tuple[str, str]], int, float]:
    """Where a page has it: a histogram's parts together, its buckets from the lowest up (OpenMetrics)."""
    part = next((n for n, suffix in enumerate(PARTS) if sample.name.endswith(suffix)), -1)
    if part < 0:
        return sample.name, [], 0, 0.0
    own = sorted(item for item in sample.labels.items() if item[0] != "le")
    return sample.name.removesuffix(PARTS[part]), own, part, _bound(sample.labels.get("le", ""))


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.inf
