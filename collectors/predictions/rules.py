"""What a service asks of its events: which features it knows, what they may be, how far from now their time may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from burnline.collectors.predictions.tolerance import compare
from burnline.spec.events import EventsSpec, FeatureSpec
from burnline.spec.service import ServiceSpec
from burnline.store.samples import MOST, MOST_VALUES, Sampling


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one service.

    Attributes:
        features: the names of its features; None where any goes.
        schema: what the values of some may be; empty where nothing was declared.
        refuse: an event that breaks the schema is refused, not only counted.
        events: time and ids.
        embedding: how many numbers an embedding has; 0 where the reference has none, and none is kept.
        sampling: which events are compared with training, and how; None where none is.
    """

    features: frozenset[str] | None = None
    schema: Mapping[str, FeatureSpec] = field(default_factory=dict)
    refuse: bool = False
    events: EventsSpec = field(default_factory=EventsSpec)
    embedding: int = 0
    sampling: Sampling | None = None

    @property
    def lateness(self) -> timedelta | None:
        """How late an event may be for its window; None where windows go by time of receipt."""
        return self.events.lateness


def rules_of(spec: ServiceSpec, features: Collection[str] | None, *, embedding: int = 0) -> Rules:
    """What the service file says, with the names of the reference's features; None where there is no reference."""
    declared = spec.model.schema_ if spec.model else None
    if declared is None and features is None:
        return Rules(None, events=spec.events, embedding=embedding, sampling=_sampling(spec, 0))
    schema = declared.features if declared else {}
    known = frozenset([*schema, *(features or ()), *spec.events.slices])
    refuse = bool(declared and declared.violations == "refuse")
    sampling = _sampling(spec, len(known))
    return Rules(known, schema, refuse=refuse, events=spec.events, embedding=embedding, sampling=sampling)


def _sampling(spec: ServiceSpec, features: int) -> Sampling | None:
    """Fewer samples of many features: as much memory."""
    if (skew := spec.signals.skew) is None:
        return None
    how = partial(compare, relative=skew.tolerance, own=skew.tolerances)
    return Sampling(skew.sample, how, min(MOST, MOST_VALUES // max(1, features)))
