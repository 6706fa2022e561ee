"""What a service asks of its events: which features it knows, what they may be, how far from now their time may be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from burnline.spec.events import EventsSpec, FeatureSpec
from burnline.spec.service import ServiceSpec


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one service.

    Attributes:
        features: the names of its features; None where any goes.
        schema: what the values of some may be; empty where nothing was declared.
        refuse: an event that breaks the schema is refused, not only counted.
        events: time and ids.
    """

    features: frozenset[str] | None = None
    schema: Mapping[str, FeatureSpec] = field(default_factory=dict)
    refuse: bool = False
    events: EventsSpec = field(default_factory=EventsSpec)

    @property
    def lateness(self) -> timedelta | None:
        """How late an event may be for its window; None where windows go by time of receipt."""
        return self.events.lateness


def rules_of(spec: ServiceSpec, features: Collection[str] | None) -> Rules:
    """What the service file says, with the names of the reference's features; None where there is no reference."""
    declared = spec.model.schema_ if spec.model else None
    if declared is None:
        return Rules(None if features is None else frozenset(features), events=spec.events)
    known = frozenset(declared.features) | frozenset(features or ())
    return Rules(known, declared.features, refuse=declared.violations == "refuse", events=spec.events)
