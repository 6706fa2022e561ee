"""Turns of collectors on their way to /metrics: what burnline measured, and how each collector fares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric

from burnline import metrics
from burnline.collectors.contract import PUSHED
from burnline.events import Collection, Sample
from burnline.exposition.source import Source, family_name, metrics_of
from burnline.metrics.register import MEASURED

STATUS = {
    metrics.COLLECTOR_DURATION: "Time the collector's last turn took.",
    metrics.COLLECTOR_SUCCESS: "1 when the collector's last turn succeeded; having nothing to read is a success.",
    metrics.COLLECTOR_SAMPLES: "Samples that the collector's last turn gave.",
    metrics.COLLECTOR_LAST_SUCCESS: "When the collector last succeeded.",
    metrics.COLLECTOR_LAST_ERROR: "When the collector last failed.",
    metrics.COLLECTOR_ERROR_INFO: "1 for the kind of its last failure: what it said is on the console.",
    metrics.CARDINALITY_LIMITED: "Series of {metric} that the collector's last turn had beyond the budget.",
}


def register() -> dict[str, str]:
    """Every name that sources of turns may have, with its help, in the order of the page."""
    return {**STATUS, **MEASURED}


class Turns:
    """Sources of the newest turns; a collector that had no turn since gives the same object again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[_Newest, Source]] = {}

    def sources(self, latest: Iterable[Collection]) -> list[Source]:
        """Of several turns of one collector the newest speaks; the newest success and failure give their times.

        Only what burnline measured itself, or made of a page by its profile, is passed on, with the label `service` of
        whose it is; what it read on a service's own page belongs to that page. What others posted is passed on whatever
        its name.
        """
        known, self._known = self._known, {}
        for key, newest in _newest(latest).items():
            before = known.get(key)
            same = before is not None and all(a is b for a, b in zip(before[0], newest, strict=True))
            self._known[key] = before if before is not None and same else (newest, _source(key, newest))
        return [source for _, source in self._known.values()]


def families(latest: Iterable[Collection]) -> Iterator[Metric]:
    """The same as prometheus_client's objects."""
    return metrics_of(Turns().sources(latest), register())


_Newest = tuple[Collection, Collection | None, Collection | None]  # of all, that succeeded, that failed


def _newest(latest: Iterable[Collection]) -> dict[tuple[str, str], _Newest]:
    found: dict[tuple[str, str], _Newest] = {}
    for turn in sorted(latest, key=lambda turn: turn.at):
        key = (turn.service, turn.collector)
        _, good, bad = found.get(key, (turn, None, None))
        found[key] = (turn, turn, bad) if turn.ok else (turn, good, turn)
    return found


def _source(key: tuple[str, str], newest: _Newest) -> Source:
    turn = newest[0]
    measured = turn.samples if turn.measured else [sample for sample in turn.samples if _is_made(turn, sample.name)]
    labels = {metrics.SERVICE: turn.service} if turn.service else {}
    return Source(key, (*_status(*newest), *measured), labels, others=turn.collector == PUSHED)


def _is_made(turn: Collection, name: str) -> bool:
    return bool(turn.made) and (name in turn.made or family_name(name) in turn.made)


def _status(turn: Collection, good: Collection | None, bad: Collection | None) -> Iterator[Sample]:
    own = {metrics.SERVICE: turn.service, metrics.COLLECTOR: turn.collector}
    yield Sample(metrics.COLLECTOR_DURATION, own, turn.duration_seconds)
    yield Sample(metrics.COLLECTOR_SUCCESS, own, float(turn.ok))
    yield Sample(metrics.COLLECTOR_SAMPLES, own, float(len(turn.samples)))
    if good is not None:
        yield Sample(metrics.COLLECTOR_LAST_SUCCESS, own, good.at.timestamp())
    if bad is not None:
        yield Sample(metrics.COLLECTOR_LAST_ERROR, own, bad.at.timestamp())
        yield Sample(metrics.COLLECTOR_ERROR_INFO, {**own, metrics.REASON: bad.reason}, 1.0)
    for name, count in turn.beyond_budget.items():
        yield Sample(metrics.CARDINALITY_LIMITED, {**own, "metric": name}, float(count))
