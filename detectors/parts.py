"""Versions and slices: the parts of a service whose signals are told apart, and never more than so many of them.

Every event is of one version, so the counts of all events are the sum of the versions' and are kept nowhere else. A
slice is all events with one value of a feature that `events.slices` names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from burnline.detectors.profile import category_text
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch
from burnline.store.parts import LONGEST, SHADOW, VERSION, WHOLE, is_version, shadow_part, version_part

OTHERS = "other"  # versions or values beyond the bound, together
MOST_VERSIONS = 4  # in one window
MOST_VALUES = 20
MISSING = "(missing)"


def parts_of(
    batch: PredictionBatch, slices: Sequence[str], known: Collection[str] = ()
) -> Iterator[tuple[str, PredictionBatch]]:
    """The parts that events of one batch are in, each with its events; `known`: those that are there already.

    Shadows are in no slice: its events are among those of the versions that serve.
    """
    if batch.shadow:
        yield shadow_part(batch.version), batch
        return
    yield version_part(batch.version), batch
    yield from sliced(batch, slices, known)


def sliced(
    batch: PredictionBatch, slices: Sequence[str], known: Collection[str] = ()
) -> Iterator[tuple[str, PredictionBatch]]:
    """The events of each value of each slice, of which `known` are there already; none of a slice it does not carry."""
    for name in slices:
        values = batch.features.get(name, ())
        if all(value is None for value in values):
            continue
        column = [_text(value) for value in values]
        told = _told_apart(Counter(column), {part.partition("=")[2] for part in known if part.startswith(f"{name}=")})
        column = [value if value in told else OTHERS for value in column]
        for value in sorted(set(column)):
            yield f"{name}={value}", batch.where([each == value for each in column])


def admitted(part: str, known: Collection[str]) -> str:
    """The part that counts as `part` in a window of which `known` are there: itself, or the others of its kind.

    >>> admitted("version=5", ["version=1", "version=2", "version=3", "version=4"])
    'version=other'
    """
    name, _, _ = part.partition("=")
    if part == WHOLE or part in known:
        return part
    most = MOST_VERSIONS if name in (VERSION, SHADOW) else MOST_VALUES
    alike = sum(each.startswith(f"{name}=") for each in known)
    return part if alike < most else f"{name}={OTHERS}"


def whole(sketches: Mapping[str, Sketch]) -> Sketch | None:
    """The counts of all events, from those of the versions; None when there are none."""
    return added([sketch for part, sketch in sketches.items() if is_version(part)])


def others(sketches: Mapping[str, Sketch], part: str) -> Sketch | None:
    """The counts of every version but one."""
    return added([sketch for each, sketch in sketches.items() if is_version(each) and each != part])


def added(sketches: Sequence[Sketch]) -> Sketch | None:
    """The sum of some counts; None of none."""
    if not sketches:
        return None
    total = sketches[0]
    for sketch in sketches[1:]:
        total = total + sketch
    return total


def _told_apart(column: Counter[str], known: set[str]) -> set[str]:
    """Which values of a column get a part: those that have one, then the most frequent."""
    room = MOST_VALUES - len(known - {OTHERS})
    new = sorted((value for value in column if value not in known), key=lambda value: (-column[value], value))
    return known.union(new[: max(room, 0)])


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    text = category_text(value) if isinstance(value, (str, bool)) else f"{value:.6g}"
    return text[:LONGEST]
