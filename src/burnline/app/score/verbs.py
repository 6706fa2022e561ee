"""The verbs of `burnline score`: the signal each one computes, of which columns, and its own options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

JOINED = "skew"  # the signal that compares row by row with a table of training


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        signal: as the service file calls it.
        says: what its lines say, for `--help`.
        columns: that are no features and that it looks at, by what they hold.
        needs: those of them without which it has nothing to say.
        options: fields of the signal's section in the service file.
        features: it looks at features.
        by_feature: it has a line for each of them; the others have one line a window, called `(SIGNAL)`.
        joins: rows may be compared with those of training instead, by the signal JOINED.
    """

    signal: str
    says: str
    columns: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    options: tuple[str, ...] = ("threshold",)
    features: bool = False
    by_feature: bool = False
    joins: bool = False

    @property
    def whole(self) -> str:
        """What its lines call the window as a whole."""
        return f"({self.signal})"


LABELLED = ("prediction", "confidence", "label")
QUALITY = Verb(
    "data",
    "Missing values, wrong types, new values and values out of range of each feature",
    options=("max_null", "max_new"),
    features=True,
    by_feature=True,
)
VERBS: Mapping[str, Verb] = {
    "drift": Verb(
        "drift",
        "How far each feature is from the reference beyond chance",
        ("prediction", "time"),
        options=("threshold", "engine"),
        features=True,
        by_feature=True,
    ),
    "quality": QUALITY,
    "data": QUALITY,
    "skew": Verb(
        "training_skew",
        "How far each feature is from the training data, from the first row on, or with --training row by row",
        ("prediction", "time"),
        features=True,
        by_feature=True,
        joins=True,
    ),
    "prediction": Verb(
        "prediction",
        "How far the model's answers are from the reference's beyond chance",
        ("prediction", "time"),
        ("prediction",),
    ),
    "confidence": Verb(
        "confidence", "How much more often the model is unsure than on the reference", ("confidence",), ("confidence",)
    ),
    "outliers": Verb(
        "outliers",
        "How many more rows look like nothing in the reference",
        options=("expected", "threshold"),
        features=True,
    ),
    "estimate": Verb(
        "estimate",
        "How many answers are right, estimated without labels",
        ("prediction", "confidence"),
        ("prediction", "confidence"),
    ),
    "performance": Verb(
        "performance",
        "How good the answers are by their labels, against the reference",
        LABELLED,
        ("prediction", "label"),
    ),
    "calibration": Verb("calibration", "Whether the model is right as often as it says, by labels", LABELLED, LABELLED),
    "embedding": Verb(
        "embedding",
        "How many embeddings are far from all of the reference's, or turned away",
        ("embedding",),
        ("embedding",),
        options=("threshold", "turn"),
    ),
}
