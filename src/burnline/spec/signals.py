"""`signals` in the service file: which detectors run, and how."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, RootModel, model_validator

from burnline.spec.answers import (
    AnswerLengthSpec,
    ConsistencySpec,
    HallucinationSpec,
    LanguageSpec,
    LogprobSpec,
    RefusalSpec,
    RetrievalSpec,
    ToxicitySpec,
)
from burnline.spec.quality import OutliersSpec, SkewSpec, TrainingSkewSpec, VolumeSpec
from burnline.spec.section import HOUR, OURS, Limited, Section
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name, PositiveCount, Ratio


class CheckSpec(RootModel[str | dict[str, dict[str, Any]]]):
    """A check of a library by name, or its name and its options: `{KSDrift: {p_val: 0.01}}`."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if isinstance(self.root, dict) and len(self.root) != 1:
            raise ValueError("needs one name with its options below it, as in `KSDrift: {p_val: 0.01}`")
        return self

    @property
    def named(self) -> tuple[str, dict[str, Any]]:
        """Its name and options."""
        return (self.root, {}) if isinstance(self.root, str) else next(iter(self.root.items()))


class EngineSpec(Limited):
    """Who judges: burnline itself, a library in a process of its own, or a detector that is installed under a name.

    Attributes:
        checks: what the library is to do; its usual test where none is named.
        sample: rows of a window that the library sees.
        options: for an installed detector.
    """

    engine: Name = OURS
    checks: Annotated[tuple[CheckSpec, ...], Field(max_length=50)] = ()
    sample: Annotated[int, Field(ge=100, le=20_000)] = 2_000
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def anew(self) -> bool:
        """What a library finds in windows is added up: nobody asks it again about a longer time."""
        return super().anew and self.engine == OURS


class DriftSpec(EngineSpec):
    """Does live data still look like the reference? `threshold`: share of events that would have to change."""

    additive: ClassVar[bool] = False
    celled: ClassVar[bool] = True


class PredictionSpec(Limited):
    """Do the model's answers still look like the reference's? `threshold` as for drift."""

    additive: ClassVar[bool] = False
    celled: ClassVar[bool] = True


class ConfidenceSpec(Limited):
    """Is the model as sure of itself as it was on the reference?"""


class DataSpec(Section):
    """Are the inputs whole, known and fresh? `schema: strict` makes wrong types, ranges and unknown features bad."""

    net: ClassVar[bool] = True

    min_events: PositiveCount = 100
    max_null: Ratio = 0.01
    max_new: Ratio = 0.01
    max_age: Duration | None = None
    max_stale: Ratio = 0.01
    schema_: Annotated[Literal["strict", "off"], Field(alias="schema")] = "strict"


class EstimateSpec(Limited):
    """How many answers are right, before labels come? `threshold`: how many fewer than on the reference."""

    threshold: Ratio = 0.02


class EmbeddingSpec(Limited):
    """Do embeddings lie where the reference's do? `threshold`: how many more are far; `turn`: of their mean."""

    min_events: PositiveCount = 200
    threshold: Ratio = 0.02
    turn: Ratio = 0.02


class CalibrationSpec(Limited):
    """Is the model right as often as it says, by labels that came in the window?"""

    additive: ClassVar[bool] = False

    window: Duration = HOUR


class PerformanceSpec(Limited):
    """Are the answers as good as on the reference, by labels that came in the window?"""

    window: Duration = HOUR
    min_events: PositiveCount = 200
    threshold: Ratio = 0.02


class CustomSpec(EngineSpec):
    """A signal of one's own: `engine` names the installed detector that judges it."""

    engine: Name

    @property
    def limit(self) -> float | None:
        return None


NO_SIGNALS = frozenset({"custom"})  # keys of `signals` that are no signal themselves


class SignalsSpec(Strict):
    """Which detectors run. An empty mapping takes the defaults."""

    drift: DriftSpec | None = None
    prediction: PredictionSpec | None = None
    confidence: ConfidenceSpec | None = None
    data: DataSpec | None = None
    volume: VolumeSpec | None = None
    skew: SkewSpec | None = None
    training_skew: TrainingSkewSpec | None = None
    outliers: OutliersSpec | None = None
    estimate: EstimateSpec | None = None
    embedding: EmbeddingSpec | None = None
    calibration: CalibrationSpec | None = None
    performance: PerformanceSpec | None = None
    hallucination: HallucinationSpec | None = None
    refusal: RefusalSpec | None = None
    toxicity: ToxicitySpec | None = None
    retrieval: RetrievalSpec | None = None
    answer_length: AnswerLengthSpec | None = None
    language: LanguageSpec | None = None
    consistency: ConsistencySpec | None = None
    logprob: LogprobSpec | None = None
    custom: dict[Name, CustomSpec] = Field(default_factory=dict)

    def sections(self) -> dict[str, Section]:
        """By name the section of every signal that is asked for, those of one's own too."""
        built_in = {name: getattr(self, name) for name in type(self).model_fields if name not in NO_SIGNALS}
        return {name: section for name, section in built_in.items() if section is not None} | self.custom

    def limit(self, name: str) -> float | None:
        """The score over which a signal is in alarm; None where only its detector knows."""
        section = self.sections().get(name)
        return section.limit if section else None

    @model_validator(mode="after")
    def _own_names(self) -> Self:
        if taken := sorted(set(self.custom) & set(type(self).model_fields)):
            raise ValueError(f"custom.{taken[0]} has the name of a signal that burnline has; choose another")
        return self
