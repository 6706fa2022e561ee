"""`burnline calibrate`: what the grounding score means for one service, from answers somebody has read."""

from __future__ import annotations

from pathlib import Path

from burnline.app.commands import complain, show
from burnline.app.grounding_lines import BadLine, read_lines
from burnline.app.profile import written_over
from burnline.detectors.grounding.accuracy import Estimate
from burnline.detectors.grounding.calibration import FEW, Calibration, calibrate, save_calibration
from burnline.detectors.grounding.score import ground
from burnline.errors import BurnlineError


def calibrate_file(file: Path, out: Path, fpr: float) -> int:
    """Score labelled answers, write the calibration and say what it is. Returns the exit code, 1 if a line was bad.

    Raises: BurnlineError where there is too little to learn from.
    """
    if not 0 < fpr < 1:
        raise BurnlineError(f"--fpr {fpr}: accepted: a share between 0 and 1, as in 0.05")
    if written_over(out, str(file)):
        raise BurnlineError(f"--out {out}: is the file with the answers itself; write the calibration to another file")
    scores, lengths, labels, bad = list[float](), list[int](), list[bool](), 0
    for line in read_lines(file):
        if isinstance(line, BadLine) or line.ungrounded is None or not any(map(str.strip, line.sources)):
            bad += 1
            what = line.message if isinstance(line, BadLine) else "has no label `ungrounded` (0 or 1), or no sources"
            complain(f"{file}:{line.number}: {what}")
            continue
        scores.append(ground(line.sources, line.question, line.answer).score)
        lengths.append(len(line.answer))
        labels.append(line.ungrounded)
    try:
        found = calibrate(scores, lengths, labels, fpr)
    except ValueError as error:
        raise BurnlineError(f"{file}: {error}") from error
    save_calibration(found, out)
    if found.few:
        complain(f"warning: {file}: {_few(found)}")
    show(_told(found, out))
    return 1 if bad else 0


def _told(found: Calibration, out: Path) -> str:
    return "\n".join(
        [
            f"{out}: from {found.grounded} grounded and {found.ungrounded} ungrounded answers (95 % intervals)",
            f"threshold  {found.threshold:.6f}  answers that score this or more are flagged",
            f"FPR        {_shown(found.fpr)}  of the grounded answers are flagged",
            f"TPR        {_shown(found.tpr)}  of the ungrounded ones are",
            f"AUROC      {_shown(found.auroc)}  length alone {_shown(found.auroc_of_length)}",
        ]
    )


def _few(found: Calibration) -> str:
    return (
        f"only {found.grounded} grounded and {found.ungrounded} ungrounded answers: of new grounded ones up to "
        f"{found.fpr.high:.0%} may be flagged; label at least {FEW} of each, better a few hundred"
    )


def _shown(each: Estimate) -> str:
    return f"{each.value:.3f} ({each.low:.3f} to {each.high:.3f})"
