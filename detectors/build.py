"""Every detector there is, and those a service asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from burnline.detectors.confidence import ConfidenceDrop
from burnline.detectors.contract import Detector
from burnline.detectors.drift import Drift
from burnline.detectors.outliers import Outliers
from burnline.detectors.profile import Reference
from burnline.detectors.quality import Quality
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import SignalsSpec

# A detector is made from the reference and its section of `signals:` in the service file.
DETECTORS = {
    Drift.signal: Drift,
    ConfidenceDrop.signal: ConfidenceDrop,
    Quality.signal: Quality,
    Outliers.signal: Outliers,
}


def windows(signals: SignalsSpec) -> dict[str, timedelta]:
    """The signals a service asks for, each with the length of its windows."""
    sections = {name: getattr(signals, name) for name in DETECTORS}
    return {name: section.window for name, section in sections.items() if section is not None}


def build_declared(spec: ServiceSpec, declared: Reference) -> Mapping[str, Detector]:
    """What needs no more than the features that `model.schema` declares."""
    if spec.signals.data is None or spec.model is None or spec.model.schema_ is None:
        return {}
    return {Quality.signal: Quality(declared, spec.signals.data, spec.model.schema_.features)}


def build_detectors(spec: ServiceSpec, reference: Reference) -> Mapping[str, Detector]:
    """One detector per signal the service asks for."""
    return {
        name: make(reference, section)
        for name, make in DETECTORS.items()
        if (section := getattr(spec.signals, name)) is not None
    }
