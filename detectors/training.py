"""Training-serving skew of whole features: does what is served look like what was trained on, from the first event?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from burnline.detectors.columns import ColumnReader, Columns
from burnline.detectors.contract import Judgement, no_data
from burnline.detectors.drift import Drift
from burnline.detectors.profile import Reference, load_reference
from burnline.detectors.seasons import BySlot
from burnline.detectors.sketch import Counter64, Sketch
from burnline.errors import SpecError
from burnline.events import Contributor, Source
from burnline.spec.quality import TrainingSkewSpec
from burnline.spec.signals import DriftSpec


class _FromTraining(Drift):
    """Drift that calls what it compares with training."""

    where: ClassVar[str] = "in training"


class TrainingSkew:
    """Drift against the profile of the training data, where `model.reference` is one of what was served before.

    Without a `reference` of its own it compares with `model.reference`, as `drift` does.
    """

    signal: ClassVar[str] = "training_skew"
    source: ClassVar[Source] = Source.PREDICTIONS
    additive: ClassVar[bool] = TrainingSkewSpec.additive
    alone: ClassVar[bool] = True

    def __init__(self, reference: Reference, spec: TrainingSkewSpec) -> None:
        self.window = spec.window
        self._problem = (
            ""
            if reference.features or reference.prediction
            else "no reference profile: name one in signals.training_skew.reference"
        )
        self._reader: ColumnReader | None = None
        if spec.reference is not None:
            try:
                reference = load_reference(spec.reference)
            except SpecError as error:  # costs this signal alone
                self._problem = f"the profile of the training data cannot be read: {error}"
            else:
                self._problem, self._reader = "", ColumnReader(reference)
        section = DriftSpec(window=spec.window, min_events=spec.min_events, threshold=spec.threshold)
        section = section.model_copy(update={"window": spec.window})  # as it is, also where it is one of rows
        self._drift = None if self._problem else _FromTraining(reference, section)

    def empty(self) -> Sketch:
        return self._drift.empty() if self._drift else Sketch("training_skew", np.zeros(1, dtype=np.int64))

    def fold(self, columns: Columns) -> Sketch:
        if self._drift is None:
            return Sketch("training_skew", np.array([len(columns)], dtype=np.int64))
        return self._drift.fold(self._reader.read(columns.batch) if self._reader else columns)

    def judge(self, sketch: Sketch, memory: bytes = b"") -> Judgement:
        return self._drift.judge(sketch, memory) if self._drift else no_data(self._problem)

    def scores(self, sketch: Sketch) -> Iterator[Contributor]:
        """Every column that has enough events, also where nothing differs."""
        return self._drift.scores(sketch) if self._drift else iter(())

    def compare(self, baseline: Sketch, candidate: Sketch) -> Judgement:
        """As drift does."""
        return self._drift.compare(baseline, candidate) if self._drift else no_data(self._problem)

    def cells(self, sketch: Sketch) -> Iterator[tuple[str, Counter64, Counter64]]:
        """As drift's."""
        return self._drift.cells(sketch) if self._drift else iter(())

    def chance(self, reference: Counter64, events: float) -> float:
        """As drift's; without a profile there is nothing to compare, so nothing that chance could explain."""
        return self._drift.chance(reference, events) if self._drift else 0.0

    def by_slot(self, sketch: Sketch) -> BySlot | None:
        """As drift's."""
        return self._drift.by_slot(sketch) if self._drift else None
