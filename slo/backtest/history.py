"""From data of the past to counted events: the embedded engine's own counting, with nothing closed yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from burnline.errors import BurnlineError
from burnline.events import Counts
from burnline.slo.backtest.replay import Replay, replay
from burnline.slo.backtest.samples import Samples
from burnline.slo.backtest.tables import Rows
from burnline.slo.engine import EmbeddedEngine
from burnline.slo.group import Group
from burnline.slo.promise import Promise
from burnline.spec.selector import Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.spec.units import format_duration
from burnline.store.database import open_database

MOST_MOMENTS = 5 * 366 * 1440  # five years of minutes
MOST_MISSED = 5  # a row counts for the time since the one before, up to so many of the usual distance


def replay_history(
    spec: ServiceSpec, until: datetime, *, samples: Samples | None = None, rows: Mapping[str, Rows] | None = None
) -> dict[str, Replay]:
    """Count samples and rows as the embedded engine does, and replay every SLO up to `until`; by the SLO's name.

    Raises: BurnlineError for a history that is longer than anybody keeps.
    """
    with TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder)}/backtest.db")
        try:
            engine = EmbeddedEngine(database, [spec])
            for collection in samples.collections(spec.service) if samples else ():
                engine.observe(collection)
            for name, each in (rows or {}).items():
                _count(engine, spec.service, name, each)
            for group in engine.groups:
                _check_length(group, until)
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


def _check_length(group: Group, until: datetime) -> None:
    if not group.pending:
        return
    first = group.time_of(min(group.pending))
    if (until - first) // group.base > MOST_MOMENTS:
        most = format_duration(MOST_MOMENTS * group.base)
        raise BurnlineError(
            f"the history goes from {first:%Y-%m-%d} to {until:%Y-%m-%d}, more than {most}: is a time wrong?"
        )


def warm_up(promises: Sequence[Promise]) -> timedelta:
    """How long before the judged time a history should begin, for every alert window to be whole."""
    return max((long for promise in promises for long, _ in promise.schedule), default=timedelta(0))


def selectors_of(promises: Sequence[Promise]) -> tuple[Selector, ...]:
    """The raw series that these SLOs are counted from, each once; of a composite, those of its members."""
    found: dict[str, Selector] = {}
    for promise in promises:
        for each in promise.members or (promise,):
            found |= {str(selector): selector for selector in _selectors(each.sli)}
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
