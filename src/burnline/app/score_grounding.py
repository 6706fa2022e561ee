"""`burnline score grounding`: one JSON line for each answer, as it is read."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from burnline.app.commands import complain
from burnline.app.grounding_lines import BadLine, Line, read_lines
from burnline.detectors.grounding.calibration import Calibration, load_calibration
from burnline.detectors.grounding.nli import OnnxModel, ungrounded
from burnline.detectors.grounding.score import TIER, ground

NLI_TIER = 1


def score_file(file: Path, calibration: Path | None, nli: Path | None = None) -> int:
    """Print one line for each line of the file, and name each bad one on stderr. Returns the exit code.

    Raises: OSError where a file cannot be read, SpecError where the calibration is none, BurnlineError for a model that
    cannot be used.
    """
    known = load_calibration(calibration) if calibration else None
    model = OnnxModel(nli) if nli else None
    bad = 0
    for line in read_lines(file):
        if isinstance(line, BadLine):
            bad += 1
            complain(f"{file}:{line.number}: {line.message}")
            _say({"line": line.number, "error": line.message})
        else:
            said = _scored(line, known)
            if (
                model
                and said["score"] is not None
                and (entailed := ungrounded(model, line.sources, line.answer)) is not None
            ):
                said |= {"nli": round(entailed, 6), "tier": NLI_TIER}
            _say(said)
    return 1 if bad else 0


def _say(said: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")  # ASCII: half of a surrogate pair, too, can be written
    sys.stdout.flush()


def _scored(line: Line, calibration: Calibration | None) -> dict[str, Any]:
    if not any(map(str.strip, line.sources)):
        return {"line": line.number, "score": None, "unsupported": [], "tier": TIER, "reason": "no sources"}
    found = ground(line.sources, line.question, line.answer)
    said: dict[str, Any] = {"line": line.number, "score": found.score}
    if calibration:
        said |= {
            "probability": round(calibration.probability(found.score), 6),
            "ungrounded": found.score >= calibration.threshold,
        }
    said["unsupported"] = [
        {"start": span.start, "end": span.end, "kind": span.kind, "text": line.answer[span.start : span.end]}
        for span in found.unsupported
    ]
    said["tier"] = TIER
    return said | ({"truncated": True} if found.truncated else {})
