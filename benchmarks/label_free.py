"""Accuracy estimated without labels, beside nannyml's CBPE, on the two data sets that nannyml carries.

    python -m venv peer && peer/bin/pip install nannyml==0.13.1 statsmodels
    python benchmarks/label_free.py --peer peer/bin/python [--plot docs/images/label-free.png]

Both get the same labelled reference and the same chunks of 5,000 answers with their scores, and estimate the accuracy
of each chunk; its labels then say how far off they were. nannyml runs in its own process. "Constant" says of every
chunk what the reference's accuracy is. CPU is that of the reference, once, and of all estimates, without imports.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import ColumnReader
from burnline.detectors.labelled.estimate import AccuracyEstimate
from burnline.detectors.labelled.reference import build_labelled
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch
from burnline.spec.signals import EstimateSpec

CHUNK = 5000
Floats = NDArray[np.float64]
PEER = """
import os, sys, json, time, warnings
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.filterwarnings("ignore")
import numpy as np, nannyml as nml
from nannyml.chunk import SizeBasedChunker
where, chunk, found = sys.argv[1], int(sys.argv[2]), {}
sets = {
    "car loans": (nml.load_synthetic_car_loan_dataset(), "y_pred", "y_pred_proba", "repaid"),
    "census": (nml.load_us_census_ma_employment_data(), "prediction", "predicted_probability", "employed"),
}
for name, ((reference, live, labels), answer, score, truth) in sets.items():
    np.savez(
        os.path.join(where, name + ".npz"),
        reference=reference[[answer, score, truth]].astype(float).values,
        live=np.column_stack([live[[answer, score]].astype(float).values, labels[truth].astype(float).values]),
    )
    start = time.process_time()
    cbpe = nml.CBPE(
        y_pred=answer, y_pred_proba=score, y_true=truth, problem_type="classification_binary", metrics=["accuracy"],
        chunker=SizeBasedChunker(chunk, incomplete="drop"),
    )
    cbpe.fit(reference)
    fitted = time.process_time()
    estimated = cbpe.estimate(live).filter(period="analysis").to_df()[("accuracy", "value")].tolist()
    found[name] = {"estimated": estimated, "cpu": [fitted - start, time.process_time() - fitted]}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Estimates:
    """By chunk the estimated accuracy; CPU seconds for the reference, and for all estimates."""

    accuracy: Floats
    cpu: Sequence[float] = (0.0, 0.0)


def burnline(reference: Floats, live: Floats) -> Estimates:
    """The detector as the engine runs it: a batch of each chunk is counted, then judged."""
    batches = [_batch(rows) for rows in _chunks(live)]
    columns = [column.tolist() for column in (reference[:, 0], _sure(reference), reference[:, 2])]
    start = time.process_time()
    calibration, performance = build_labelled(*columns)
    plain = build_profile({"nothing": [1.0]}, name="bench")
    known = msgspec.structs.replace(plain, calibration=calibration, performance=performance)
    reader, detector = ColumnReader(known), AccuracyEstimate(known, EstimateSpec())
    fitted = time.process_time()
    said = [detector.judge(detector.fold(reader.read(batch))) for batch in batches]
    accuracy = np.array([1 - each.counts.bad / each.counts.total for each in said])
    return Estimates(accuracy, (fitted - start, time.process_time() - fitted))


def _sure(rows: Floats) -> Floats:
    """How sure of its answer the model was, from the score of class 1."""
    return np.where(rows[:, 0] == 1, rows[:, 1], 1 - rows[:, 1])


def _chunks(rows: Floats) -> Iterator[Floats]:
    for start in range(0, len(rows) - CHUNK + 1, CHUNK):
        yield rows[start : start + CHUNK]


def _batch(rows: Floats) -> PredictionBatch:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return PredictionBatch("bench", "1", at, {}, rows[:, 0].tolist(), _sure(rows).tolist(), [0] * len(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, help="a Python that has nannyml")
    parser.add_argument("--plot", type=Path, help="where to draw the chunks")
    asked = parser.parse_args()
    if not asked.peer:
        print("needs --peer, a Python that has nannyml: its data sets come with it; see the top of this file")
        return
    with tempfile.TemporaryDirectory() as where:
        ran = subprocess.run([asked.peer, "-c", PEER, where, str(CHUNK)], check=True, capture_output=True, text=True)
        peers = json.loads(ran.stdout.splitlines()[-1])
        sets = {name: dict(np.load(Path(where) / f"{name}.npz")) for name in peers}
    drawn = {}
    head = f"{'data':<10} {'chunks':>6} {'real accuracy':>15}  {'who':<10} {'MAE':>8} {'corr':>6}"
    print(f"{head} {'reference':>10} {'estimates':>10}")
    for name, found in sets.items():
        real = np.array([float((rows[:, 0] == rows[:, 2]).mean()) for rows in _chunks(found["live"])])
        usual = float((found["reference"][:, 0] == found["reference"][:, 2]).mean())
        ours = burnline(found["reference"], found["live"])
        peer = Estimates(np.array(peers[name]["estimated"]), peers[name]["cpu"])
        drawn[name] = (real, {"burnline": ours.accuracy, "nannyml CBPE": peer.accuracy}, usual)
        rows = {"burnline": ours, "nannyml": peer, "constant": Estimates(np.full(len(real), usual))}
        for who, each in rows.items():
            error = float(np.abs(each.accuracy - real).mean())
            together = f"{np.corrcoef(each.accuracy, real)[0, 1]:.3f}" if who != "constant" else ""
            span = f"{real.min():.3f} to {real.max():.3f}"
            told = f"{name:<10} {len(real):>6} {span:>15}  {who:<10} {error:8.4f} {together:>6}"
            print(f"{told} {each.cpu[0]:9.3f}s {each.cpu[1]:9.3f}s")
    if asked.plot:
        _draw(drawn, asked.plot)


def _draw(drawn: dict[str, tuple[Floats, dict[str, Floats], float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(drawn), figsize=(10, 3.6), layout="constrained")
    for axis, (name, (real, estimates, usual)) in zip(axes, drawn.items(), strict=True):
        axis.plot(real, color="black", linewidth=2, label="with labels, later")
        for (who, accuracy), style in zip(estimates.items(), ("-", "--"), strict=True):
            axis.plot(accuracy, style, label=who)
        axis.axhline(usual, color="grey", linewidth=0.8, linestyle=":", label="reference")
        axis.set(title=name, xlabel=f"chunk of {CHUNK:,} answers", ylabel="accuracy")
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
