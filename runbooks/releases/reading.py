"""What the guards of a release read at one look: events and values of the versions, since the look before."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from burnline.errors import BurnlineError
from burnline.events import Counts
from burnline.runbooks.releases.plan import ReleasePlan, labels_of, slice_of
from burnline.runbooks.releases.signals import read_signal
from burnline.runbooks.turn import SliReader
from burnline.spec.release import GuardSpec
from burnline.spec.slice import Slice
from burnline.store.database import Database
from burnline.store.rollouts import Rollout
from burnline.telemetry import Causes

log = logging.getLogger(__name__)
T = TypeVar("T")
HISTORY = timedelta(hours=1)
NOTHING_READ: Mapping[str, Any] = MappingProxyType({})


class SliceReader(Protocol):
    """Where the events of one version are read."""

    def watch(self, slices: Iterable[Slice]) -> None:
        """From now on these can be read, and no others."""
        ...

    def read_slice(self, of: Slice, since: datetime, until: datetime) -> Counts | None:
        """Events in a span of time; None when nothing was observed."""
        ...

    def read_values(self, of: Slice, at: datetime) -> tuple[float, ...]:
        """The values of a gauge's series now."""
        ...


@dataclass(frozen=True, slots=True)
class Readers:
    """Everything a guard may read."""

    db: Database
    sli: SliReader
    slices: SliceReader
    unreadable: Causes = field(default_factory=Causes)


def slices(plan: ReleasePlan, of: Rollout) -> Iterator[Slice]:
    """Every part of an SLI or gauge that the guards of a release read."""
    for guard in plan.release.guards:
        for side in ("canary", "baseline"):
            found = slice_of(plan, guard, of.service, _labels(plan, of, side))
            if found is not None:
                yield found


def read_block(
    readers: Readers,
    plan: ReleasePlan,
    guard: GuardSpec,
    of: Rollout,
    since: datetime,
    until: datetime,
    last: Mapping[str, Any] = NOTHING_READ,
) -> dict[str, Any]:
    """Plain data: [bad, total] of each side or null where nothing was observed, values of a gauge, or a score.

    `last`: the block of the look before.
    """
    if guard.signal is not None:
        return _tried(readers, (of.service, guard.signal), lambda: read_signal(readers.db, plan, guard, of, last), {})
    canary = slice_of(plan, guard, of.service, _labels(plan, of, "canary"))
    baseline = slice_of(plan, guard, of.service, _labels(plan, of, "baseline"))
    if canary is not None and canary.gauge is not None:
        sides = {"canary": canary, **({"baseline": baseline} if baseline else {})}
        return {name: _values(readers, each, until) for name, each in sides.items()}
    split = plan.release.canary is not None

    def own() -> list[float] | None:
        if canary is not None and (split or guard.business is not None):
            return _events(readers, canary, since, until)
        return _whole(readers, guard, of, since, until)

    block: dict[str, Any] = {"canary": own()}
    if guard.kind == "sequential" and baseline is not None:
        block["baseline"] = _events(readers, baseline, since, until)
    if guard.kind == "budget":
        block["served"] = _whole(readers, guard, of, since, until)
    return block


def read_history(readers: Readers, plan: ReleasePlan, of: Rollout) -> dict[str, list[float]]:
    """Per sequential guard on an SLO, its events of the hour before the release: where to look for a difference."""
    found = {
        str(index): _whole(readers, guard, of, of.started_at - HISTORY, of.started_at)
        for index, guard in enumerate(plan.release.guards)
        if guard.kind == "sequential" and guard.sli
    }
    return {index: counts for index, counts in found.items() if counts}


def _labels(plan: ReleasePlan, of: Rollout, side: str) -> Mapping[str, str] | None:
    return labels_of(plan, side, version=of.version, previous=of.previous)


def _events(readers: Readers, of: Slice, since: datetime, until: datetime) -> list[float] | None:
    counts = _tried(readers, of, lambda: readers.slices.read_slice(of, since, until), None)
    return None if counts is None else [counts.bad, counts.total]


def _whole(readers: Readers, guard: GuardSpec, of: Rollout, since: datetime, until: datetime) -> list[float] | None:
    sli = guard.sli or ""
    counts = _tried(readers, (of.service, sli), lambda: readers.sli.read_sli(of.service, sli, since, until), None)
    return None if counts is None else [counts.bad, counts.total]


def _values(readers: Readers, of: Slice, at: datetime) -> Sequence[float]:
    nothing: tuple[float, ...] = ()
    values = _tried(readers, of, lambda: readers.slices.read_values(of, at), nothing)
    return [value for value in values if math.isfinite(value)]


def _tried(readers: Readers, of: Hashable, read: Callable[[], T], otherwise: T) -> T:
    """What cannot be read is no data; the other guards are read all the same."""
    try:
        found = read()
    except (BurnlineError, KeyError) as error:
        if readers.unreadable.is_new(of, str(error)):
            log.warning("guard unreadable", extra={"error": str(error)})
        return otherwise
    readers.unreadable.is_new(of, "")
    return found
