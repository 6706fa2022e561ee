"""How a service is watched: its signals, what counts and judges each of them, and what reads its events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from burnline.detectors.build import NOTHING, build_detectors, windows
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector
from burnline.detectors.declared import declared_reference
from burnline.detectors.engines.desk import Desk
from burnline.detectors.profile import Reference, load_reference
from burnline.detectors.quality.detector import Quality
from burnline.errors import SpecError
from burnline.spec.service import ServiceSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """How a service is watched.

    Attributes:
        sliced: by slice, what judges its events in place of `detectors`: where features are judged one by one, the one
            that makes the slice is passed over, as it has one value there.
        problem: why a signal of `windows` has no detector.
    """

    spec: ServiceSpec
    windows: Mapping[str, timedelta]
    reader: ColumnReader
    detectors: Mapping[str, Detector]
    sliced: Mapping[str, Mapping[str, Detector]]
    problem: str = ""

    def of(self, part: str) -> Mapping[str, Detector]:
        """The detectors of a part."""
        return self.sliced.get(part.partition("=")[0], self.detectors)

    @property
    def lateness(self) -> timedelta | None:
        return self.spec.events.lateness


def watch(spec: ServiceSpec, desk: Desk | None) -> Watched:
    """Without a usable reference only the detectors that need none are there."""
    wanted, reference, problem = windows(spec.signals), None, "no reference profile: name one in model.reference"
    schema = spec.model.schema_ if spec.model else None
    if wanted and spec.model and spec.model.reference is not None:
        try:
            reference = load_reference(spec.model.reference)
        except SpecError as error:
            log.warning("reference cannot be read", extra={"service": spec.service, "reason": str(error)})
            problem, schema = f"the reference profile cannot be read: {error}", None
    compared: Reference = reference or (declared_reference(schema) if schema else NOTHING)
    detectors = build_detectors(spec, reference, desk)
    sliced = {}
    for name in spec.events.slices:
        if reference is not None and name in reference.features:
            others_alone = build_detectors(spec, _without(reference, name), desk)
            sliced[name] = {
                signal: each if each.additive and signal != Quality.signal else others_alone[signal]
                for signal, each in detectors.items()
            }
    return Watched(spec, wanted, ColumnReader(compared), detectors, sliced, problem)


def _without(reference: Reference, feature: str) -> Reference:
    features = {name: column for name, column in reference.features.items() if name != feature}
    return msgspec.structs.replace(reference, features=features)
