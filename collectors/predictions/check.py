"""Decoded events against the rules of their service: time, schema, and what is left to keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

from burnline.collectors.predictions.events import MAX_IDS, Decoded, Refusal
from burnline.collectors.predictions.rules import Rules
from burnline.collectors.predictions.vectors import pack
from burnline.errors import PayloadTooLarge
from burnline.spec.events import FeatureSpec
from burnline.spec.units import format_duration
from burnline.store.schema import EPOCH, MICROSECOND

MILLISECONDS_FROM = 1e11  # as seconds that is the year 5138, as milliseconds 1973
FAR = 10**18  # microseconds: 31,000 years


@dataclass(frozen=True, slots=True)
class Checked:
    """The events that are left, `decoded` with what is refused in it.

    Attributes:
        at: per event, its time in microseconds since 1970; empty when none has one.
        late: per event; empty when none is.
        violations: by feature and reason, of the events that are left.
    """

    decoded: Decoded
    at: list[int] = field(default_factory=list)
    late: list[bool] = field(default_factory=list)
    violations: Mapping[tuple[str, str], int] = field(default_factory=dict)


def check_events(decoded: Decoded, rules: Rules, now: datetime) -> Checked:
    """Refuse events from too far ahead, with an embedding that cannot be one, and, where the service says so, those
    that break the schema; mark late ones.

    Raises: PayloadTooLarge for more than MAX_IDS events with an id.
    """
    if (ids := len(decoded.ids) - decoded.ids.count(None)) > MAX_IDS:
        raise PayloadTooLarge(f"{ids:,} events with an id in one batch; send at most {MAX_IDS:,}")
    faults: dict[int, tuple[str, str]] = {}
    received = (now - EPOCH) // MICROSECOND
    at = [micros(each, received) for each in decoded.at]
    for place, each in enumerate(at):
        if fault := time_fault(each, rules, received):
            faults[place] = ("at", fault)
    packed, unusable = pack(decoded.embedding, rules.embedding)
    decoded = replace(decoded, embedding=packed)
    for place, fault in unusable.items():
        faults.setdefault(place, ("embedding", fault))
    broken = _broken(decoded, rules.schema)
    if rules.refuse:
        for (name, reason), places in broken.items():
            for place in places:
                faults.setdefault(place, (f"{decoded.prefix}{name}", _words(rules.schema[name], reason)))
    kept = [place not in faults for place in range(len(decoded))]
    oldest = received - rules.lateness // MICROSECOND if rules.lateness is not None else 0
    at = list(compress(at, kept))
    late = [each < oldest for each in at]
    refusals = [Refusal(decoded.places[place], *fault) for place, fault in faults.items()]
    counted = Counter({key: sum(kept[place] for place in places) for key, places in broken.items()})
    return Checked(_where(decoded, kept, refusals), at, late if any(late) else [], +counted)


def _where(decoded: Decoded, kept: Sequence[bool], refusals: list[Refusal]) -> Decoded:
    """The events for which `kept` is true, and the others among the refused, in the order of the body."""
    if not refusals:
        return decoded

    def some(column: Sequence[Any]) -> list[Any]:
        return list(compress(column, kept))

    return replace(
        decoded,
        features={name: some(column) for name, column in decoded.features.items()},
        prediction=some(decoded.prediction),
        confidence=some(decoded.confidence),
        unknown=some(decoded.unknown),
        ids=some(decoded.ids),
        at=some(decoded.at),
        embedding=some(decoded.embedding),
        places=some(decoded.places),
        strangers={name: some(column) for name, column in decoded.strangers.items()},
        refused=sorted([*decoded.refused, *refusals], key=lambda refusal: refusal.index),
    )


def micros(at: datetime | float | None, received: int) -> int:
    """Microseconds since 1970, at most FAR of them either way; what has no time is of when it was received."""
    if at is None:
        return received
    if isinstance(at, datetime):
        return (at - EPOCH) // MICROSECOND
    scaled = at * (1e6 if abs(at) < MILLISECONDS_FROM else 1e3)
    return round(scaled) if abs(scaled) < FAR else FAR if scaled > 0 else -FAR  # no number is no time: as before 1970


def from_micros(at: int) -> datetime:
    """The same as a datetime."""
    return EPOCH + timedelta(microseconds=at)


def time_fault(at: int, rules: Rules, received: int) -> str:
    """Why this time cannot be; empty when it can."""
    if at < 0:
        return "is before 1970; send RFC 3339, or seconds or milliseconds since 1970"
    if at <= received + rules.events.future // MICROSECOND:
        return ""
    ahead = timedelta(seconds=min((at - received) // 1_000_000, 10**10))
    allowed = f"at most {format_duration(rules.events.future)} are accepted"
    return f"is {format_duration(ahead)} ahead of burnline's clock; {allowed}"


def _broken(decoded: Decoded, schema: Mapping[str, FeatureSpec]) -> dict[tuple[str, str], list[int]]:
    """By feature and reason: the places of the values that are not allowed."""
    found: dict[tuple[str, str], list[int]] = {}
    for name, spec in schema.items():
        for place, value in enumerate(decoded.features[name]):
            if reason := spec.violation(value):
                found.setdefault((name, reason), []).append(place)
    return found


def _words(spec: FeatureSpec, reason: str) -> str:
    if reason == "missing":
        return "is missing, and may not be"
    if reason == "type":
        return f"is no {spec.type}"
    if reason == "range":
        low, high = (f"{bound:g}" if bound is not None else "" for bound in (spec.min, spec.max))
        return f"is outside {low}..{high}"
    return f"is none of {', '.join(spec.values[:10])}"
