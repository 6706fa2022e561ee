"""Every detector there is, and those a service asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from burnline.detectors.answers import (
    AnswerLength,
    Consistency,
    Language,
    Logprob,
    Refusal,
    Retrieval,
    Toxicity,
)
from burnline.detectors.confidence import ConfidenceDrop
from burnline.detectors.contract import Detector
from burnline.detectors.declared import declared_reference
from burnline.detectors.drift import Drift, PredictionDrift
from burnline.detectors.embedding import EmbeddingDrift
from burnline.detectors.engines.choose import with_engine
from burnline.detectors.engines.desk import Desk
from burnline.detectors.grounding.hallucination import Hallucination
from burnline.detectors.labelled.calibration import Miscalibration
from burnline.detectors.labelled.estimate import AccuracyEstimate
from burnline.detectors.labelled.performance import LatePerformance
from burnline.detectors.outliers import Outliers
from burnline.detectors.profile import VERSION, Reference
from burnline.detectors.quality.detector import Quality
from burnline.detectors.skew import Skew
from burnline.detectors.training import TrainingSkew
from burnline.detectors.volume import Volume
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import SignalsSpec

NOTHING = Reference(VERSION, "", 0, {}, None, None)  # for detectors that compare with nothing


class Maker(Protocol):
    """A detector's class: it is made from the reference and its section of `signals:` in the service file."""

    alone: bool

    def __call__(self, reference: Reference, section: Any, /) -> Detector: ...


DETECTORS: Mapping[str, Maker] = {
    Drift.signal: Drift,
    PredictionDrift.signal: PredictionDrift,
    ConfidenceDrop.signal: ConfidenceDrop,
    Quality.signal: Quality,
    Outliers.signal: Outliers,
    AccuracyEstimate.signal: AccuracyEstimate,
    EmbeddingDrift.signal: EmbeddingDrift,
    Miscalibration.signal: Miscalibration,
    LatePerformance.signal: LatePerformance,
    Volume.signal: Volume,
    Skew.signal: Skew,
    TrainingSkew.signal: TrainingSkew,
    Hallucination.signal: Hallucination,
    Refusal.signal: Refusal,
    Toxicity.signal: Toxicity,
    Retrieval.signal: Retrieval,
    AnswerLength.signal: AnswerLength,
    Language.signal: Language,
    Consistency.signal: Consistency,
    Logprob.signal: Logprob,
}


def windows(signals: SignalsSpec) -> dict[str, timedelta]:
    """The signals a service asks for, each with the length of its windows."""
    wanted = {name: getattr(signals, name) for name in DETECTORS} | signals.custom
    return {name: section.window for name, section in wanted.items() if section is not None}


def build_detectors(spec: ServiceSpec, reference: Reference | None, desk: Desk | None = None) -> Mapping[str, Detector]:
    """One detector for each signal the service asks for; without a reference, for those that can do without.

    Args:
        desk: asks the libraries that the service names as engines; without one nobody can.
    """
    declared = spec.model.schema_ if spec.model else None
    made: dict[str, Detector] = {}
    for name, make in DETECTORS.items():
        section = getattr(spec.signals, name)
        if section is None:
            continue
        if reference is None and declared and make is Quality:
            made[name] = Quality(declared_reference(declared), section, declared.features)
        elif reference is not None or make.alone:
            against = reference or (declared_reference(declared) if declared else NOTHING)
            made[name] = with_engine(name, against, section, desk, spec.service) or make(against, section)
    for name, section in spec.signals.custom.items():
        if found := with_engine(name, reference or NOTHING, section, desk, spec.service):
            made[name] = found
    return made
