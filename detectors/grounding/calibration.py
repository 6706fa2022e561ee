"""What a score means for one service, learnt from answers that somebody has read: `burnline calibrate`."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.grounding.accuracy import Z95, Estimate, auroc, wilson
from burnline.errors import Problem, SpecError
from burnline.spec.regular import read_regular

VERSION: Literal["burnline/grounding/v1"] = "burnline/grounding/v1"
SCORER = "tier-0"  # another scorer wants another calibration
BINS = 10
LARGEST_BYTES = 1024 * 1024
FEWEST = 10  # of the grounded and of the ungrounded answers
FEW = 50  # of each: under that a threshold is unsure enough to say so
STEP = 1e-6  # scores have six digits
CHANCE = 0.5  # the AUROC of a score that says nothing


class Bin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores from the last bin's `below` up to this one's; the last bin has everything above."""

    below: float
    answers: int
    ungrounded: int
    probability: float


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a scorer on labelled answers.

    Attributes:
        threshold: an answer is called ungrounded from this score on.
        grounded, ungrounded: how many labelled answers were which.
        false_alarms, found: how many of them score at the threshold or above.
        bins: the probability of being ungrounded by score, never falling; where these answers are a fair sample.
    """

    version: Literal["burnline/grounding/v1"]
    scorer: str
    threshold: float
    grounded: int
    ungrounded: int
    false_alarms: int
    found: int
    fpr: Estimate
    tpr: Estimate
    auroc: Estimate
    auroc_of_length: Estimate
    bins: tuple[Bin, ...]

    @property
    def few(self) -> bool:
        """Whether it was learnt from so few answers that the threshold may be far off."""
        return min(self.grounded, self.ungrounded) < FEW

    def probability(self, score: float) -> float:
        """How often answers with such a score were ungrounded."""
        return next((each.probability for each in self.bins if score < each.below), self.bins[-1].probability)

    def rate(self, flagged: int, answers: int) -> Estimate | None:
        """The share of ungrounded answers among `answers`, of which `flagged` scored at the threshold or above.

        Rogan and Gladen (1978): (flagged share - FPR) / (TPR - FPR), since some are flagged wrongly and some missed.
        The interval also counts what the labelled sample does not know (after Lang and Reiczigel, 2014: one success
        and one failure more in each of it). None without answers, or where the scorer tells nothing.
        """
        tpr, fpr = (self.found + 1) / (self.ungrounded + 2), (self.false_alarms + 1) / (self.grounded + 2)
        power = tpr - fpr
        if answers <= 0 or power <= 0:
            return None
        share = (flagged + Z95 * Z95 / 2) / (answers + Z95 * Z95)
        plain = _clipped((flagged / answers - self.fpr.value) / max(self.tpr.value - self.fpr.value, 1e-9))
        middle = (share - fpr) / power
        inside = _clipped(middle)
        variance = (
            share * (1 - share) / (answers + Z95 * Z95)
            + inside**2 * tpr * (1 - tpr) / (self.ungrounded + 2)
            + (1 - inside) ** 2 * fpr * (1 - fpr) / (self.grounded + 2)
        )
        half = Z95 * sqrt(variance) / power
        return Estimate(plain, min(plain, _clipped(middle - half)), max(plain, _clipped(middle + half)))


def calibrate(scores: Sequence[float], lengths: Sequence[int], ungrounded: Sequence[bool], fpr: float) -> Calibration:
    """Find the lowest threshold at which no more than `fpr` of the grounded answers are called ungrounded.

    Raises: ValueError where there are too few of either, or the scores do not tell one from the other.
    """
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(ungrounded, dtype=np.bool_)
    bad, good = int(labels.sum()), int((~labels).sum())
    if min(bad, good) < FEWEST:
        raise ValueError(f"{good} grounded and {bad} ungrounded answers; needs at least {FEWEST} of each")
    area = auroc(scores, ungrounded)
    if area.low <= CHANCE:
        raise ValueError(_blind(area, good, bad))
    threshold = _threshold(np.sort(values[~labels]), fpr)
    false_alarms, found = int((values[~labels] >= threshold).sum()), int((values[labels] >= threshold).sum())
    made = Calibration(
        version=VERSION,
        scorer=SCORER,
        threshold=threshold,
        grounded=good,
        ungrounded=bad,
        false_alarms=false_alarms,
        found=found,
        fpr=wilson(false_alarms, good),
        tpr=wilson(found, bad),
        auroc=area,
        auroc_of_length=auroc(lengths, ungrounded),
        bins=_bins(values, labels),
    )
    if made.rate(0, 1) is None:
        raise ValueError(
            f"from the threshold {threshold:.3f} on there are {found} of {bad} ungrounded answers and {false_alarms} "
            f"of {good} grounded ones, which tells nothing; accepted: a larger --fpr than {fpr:g}, or more answers"
        )
    return made


def load_calibration(path: Path | str) -> Calibration:
    """Read what `save_calibration` wrote. Raises: SpecError where the file is no calibration."""
    try:
        found = msgspec.json.decode(read_regular(Path(path), LARGEST_BYTES), type=Calibration)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise SpecError([Problem(str(path), 0, "", f"{error}; write it with `burnline calibrate`")]) from error
    if found.scorer != SCORER or not found.bins:
        message = f"is of the scorer {found.scorer!r}; calibrate {SCORER!r} again with `burnline calibrate`"
        raise SpecError([Problem(str(path), 0, "scorer", message)])
    return found


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Write it as stable, readable JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(calibration), indent=2) + b"\n")


def _blind(area: Estimate, grounded: int, ungrounded: int) -> str:
    said = f"AUROC {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
    said += f" of {grounded} grounded and {ungrounded} ungrounded answers"
    if area.high < CHANCE:
        return f"{said}: the grounded ones score higher; `ungrounded` is 1 where an answer goes beyond its sources"
    return (
        f"{said}: the score does not tell them apart beyond chance (0.5); label more answers, or see whether labels err"
    )


def _threshold(grounded: NDArray[np.float64], fpr: float) -> float:
    allowed = int(fpr * len(grounded))
    return round(float(grounded[len(grounded) - 1 - allowed]) + STEP, 6)


def _bins(values: NDArray[np.float64], labels: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Bins of about as many answers each; neighbours that fall are one (pool adjacent violators)."""
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    pooled: list[tuple[float, int, int]] = []
    for low, high in zip([-np.inf, *edges], [*edges, np.inf], strict=True):
        inside = (values >= low) & (values < high)
        pooled.append((float(high), int(inside.sum()), int(labels[inside].sum())))
        while len(pooled) > 1 and _share(pooled[-2]) >= _share(pooled[-1]):
            (_, before, bad_before), (end, after, bad_after) = pooled[-2:]
            pooled[-2:] = [(end, before + after, bad_before + bad_after)]
    return tuple(Bin(min(below, 2.0), answers, bad, _share((below, answers, bad))) for below, answers, bad in pooled)


def _share(of: tuple[float, int, int]) -> float:
    _, answers, bad = of
    return (bad + 1) / (answers + 2)


def _clipped(share: float) -> float:
    return min(1.0, max(0.0, share))
