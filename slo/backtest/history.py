"""From data of the past to counted events: the embedded engine's own counting, with nothing closed yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from burnline.events import Counts
from burnline.slo.backtest.replay import Replay, replay
from burnline.slo.backtest.samples import Samples
from burnline.slo.backtest.tables import Rows
from burnline.slo.engine import EmbeddedEngine
from burnline.spec.selector import Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.store.database import open_database

MOST_MISSED = 5  # a row counts for the time since the one before, up to so many of the usual distance


def replay_history(
    spec: ServiceSpec, until: datetime, *, samples: Samples | None = None, rows: Mapping[str, Rows] | None = None
) -> dict[str, Replay]:
    """Count samples and rows as the embedded engine does, and replay every SLO up to `until`; by the SLO's name."""
    with TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder)}/backtest.db")
        try:
            engine = EmbeddedEngine(database, [spec])
            for collection in samples.collections(spec.service) if samples else ():
                engine.observe(collection)
            for name, each in (rows or {}).items():
                _count(engine, spec.service, name, each)
            return {name: found for group in engine.groups for name, found in replay(group, until).items()}
        finally:
            database.close()


def _count(engine: EmbeddedEngine, service: str, slo: str, rows: Rows) -> None:
    ordered = list(rows.ordered())
    if not ordered:
        return
    distances = np.diff([at for at, _, _ in ordered])
    usual = float(np.median(distances)) if distances.size else 60.0
    before = ordered[0][0] - usual
    for at, bad, total in ordered:
        covered = timedelta(seconds=min(at - before, MOST_MISSED * usual))
        engine.take(service, slo, datetime.fromtimestamp(at, UTC), Counts(bad, total), covered)
        before = at


def selectors_of(spec: ServiceSpec, slis: Sequence[SliSpec]) -> tuple[Selector, ...]:
    """The raw series that these SLIs are counted from, each once."""
    found: dict[str, Selector] = {}
    for sli in slis:
        for selector in _selectors(sli):
            found[str(selector)] = selector
    return tuple(found.values())


def _selectors(sli: SliSpec) -> list[Selector]:
    if sli.ratio:
        return [each for each in (sli.ratio.bad, sli.ratio.good, sli.ratio.total) if each is not None]
    if sli.latency:
        return [Selector(f"{sli.latency.histogram.metric}_bucket", sli.latency.histogram.matchers)]
    if sli.threshold:
        return [sli.threshold.gauge]
    if sli.freshness:
        return [sli.freshness.timestamp]
    return [sli.throughput.counter] if sli.throughput else []
