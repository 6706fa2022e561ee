"""What a service asks of its events: which features it knows, and how far from now their time may be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from burnline.spec.service import ServiceSpec


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one service.

    Attributes:
        features: the names of its features; None where any goes.
    """

    features: frozenset[str] | None = None


def rules_of(spec: ServiceSpec, features: Collection[str] | None) -> Rules:
    """What the service file says, with the names of the reference's features; None where there is no reference."""
    return Rules(None if features is None else frozenset(features))
