"""What it costs to compare 100,000 rows of 20 numbers and 5 labels with a reference, beside four other libraries.

    python benchmarks/detect_speed.py [--environments FOLDER] [--plot FILE.png]

FOLDER holds a virtual environment for each peer, because they cannot share one:

    evidently: evidently "pandas<3"        nannyml: nannyml statsmodels
    alibi:     alibi-detect "numpy<2"      whylogs: "whylogs[viz]" ipython "numpy<2"

Without one that peer is left out, and said to be. Every measurement is a process of its own, on one core; CPU seconds
are the best of several runs, memory is the process's peak. With `--plot` only growth is measured, and drawn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from burnline.detectors.build import build_detectors
from burnline.detectors.columns import ColumnReader
from burnline.detectors.contract import Detector
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Sketch
from burnline.events import PredictionBatch
from burnline.spec.service import ServiceSpec
from burnline.store.schema import EPOCH

HERE = Path(__file__).parent
PEERS = HERE / "detect_speed_peers.py"
SHAPE = (100_000, 20, 5)
ENVIRONMENTS = {
    "burnline, coded": "",
    "burnline, text": "",
    "nannyml KS and chi2, coded": "nannyml",
    "nannyml KS and chi2, text": "nannyml",
    "nannyml JS, coded": "nannyml",
    "alibi-detect TabularDrift": "alibi",
    "whylogs, text": "whylogs",
    "evidently DataDriftPreset, coded": "evidently",
    "evidently DataDriftPreset, text": "evidently",
}
GROWTH = {  # tool: most rows, most columns: beyond, one run takes minutes
    "burnline, coded": (1_000_000, 400),
    "nannyml KS and chi2, coded": (1_000_000, 400),
    "alibi-detect TabularDrift": (100_000, 100),
    "evidently DataDriftPreset, coded": (30_000, 50),
}
ROWS, COLUMNS = (10_000, 30_000, 100_000, 300_000, 1_000_000), (25, 50, 100, 400)
Measured = dict[str, float]
Curve = list[tuple[int, float]]


def measure(tool: str, shape: Sequence[int], environments: Path | None) -> Measured | None:
    """CPU seconds and MiB of one tool; None where it is not installed."""
    folder = ENVIRONMENTS[tool]
    python = sys.executable if not folder else str((environments or Path("nowhere")) / folder / "bin" / "python")
    if not Path(python).exists():
        return None
    one_core = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [python, str(PEERS), tool, *map(str, shape)]
    done = subprocess.run(command, env={**os.environ, **one_core}, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{tool}: failed: {done.stderr.splitlines()[-1]}")
        return None
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(environments: Path | None) -> None:
    """The table: each tool beside burnline with labels of the same form."""
    rows, numbers, labels = SHAPE
    print(f"{rows:,} rows x ({numbers} numbers + {labels} labels), one core")
    print(f"{'':34} {'CPU s':>8} {'rows/s':>12} {'x burnline':>10} {'MiB, of it data and tool':>26}")
    ours: dict[bool, float] = {}
    for tool in ENVIRONMENTS:
        found = measure(tool, SHAPE, environments)
        if found is None:
            print(f"{tool:34} not measured")
            continue
        text = tool.endswith("text")
        ours.setdefault(text, found["cpu_s"])
        ratio, memory = found["cpu_s"] / ours[text], f"{found['peak_mb']:.0f}, {found['loaded_mb']:.0f}"
        print(f"{tool:34} {found['cpu_s']:8.4f} {rows / found['cpu_s']:12,.0f} {ratio:10.1f} {memory:>26}")


def grow(environments: Path | None) -> dict[str, dict[str, Curve]]:
    """CPU seconds by rows (25 columns) and by columns (20,000 rows)."""
    curves: dict[str, dict[str, Curve]] = {"rows": {}, "columns": {}}
    for tool, (most_rows, most_columns) in GROWTH.items():
        for rows in ROWS:
            if rows <= most_rows and (found := measure(tool, (rows, 20, 5), environments)):
                curves["rows"].setdefault(tool, []).append((rows, found["cpu_s"]))
        for columns in COLUMNS:
            shape = (20_000, columns * 4 // 5, columns // 5)
            if columns <= most_columns and (found := measure(tool, shape, environments)):
                curves["columns"].setdefault(tool, []).append((columns, found["cpu_s"]))
    for what, tools in curves.items():
        for tool, curve in tools.items():
            print(f"CPU s by {what:8} {tool:34} " + "  ".join(f"{at:,}: {seconds:.3f}" for at, seconds in curve))
    return curves


def replicas() -> None:
    """What it takes to add up and judge the counts of many replicas; none of the peers' results add up but whylogs'."""
    rng = np.random.default_rng(1)
    columns = {f"n{at}": rng.normal(size=20_000).tolist() for at in range(25)}
    reference = build_profile(columns, name="bench")
    spec = {"apiVersion": "burnline/v1", "service": "bench", "owner": "bench", "signals": {"drift": {}}}
    detector = build_detectors(ServiceSpec.model_validate(spec), reference)["drift"]
    nothing = [None] * 20_000
    batch = PredictionBatch("bench", "1", EPOCH, columns, [*nothing], [*nothing], [0] * 20_000)
    sketch = detector.fold(ColumnReader(reference).read(batch))
    sent = sketch.encode()
    for many in (1, 10, 100, 1000):
        seconds = best(lambda many=many: merge(detector, [sent] * many))  # type: ignore[misc]  # a default binds it
        print(f"{many:5} replicas, {len(sent):,} bytes each: {seconds * 1e3:.2f} ms to add up and judge")


def merge(detector: Detector, sent: list[bytes]) -> object:
    total: Sketch = detector.empty()
    for body in sent:
        total = total + detector.empty().decode(body)
    return detector.judge(total)


def best(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(5):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def draw(curves: dict[str, dict[str, Curve]], file: Path) -> None:
    """Both families of curves, on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    titles = {"rows": "rows, with 20 numbers and 5 labels", "columns": "columns, of 20,000 rows"}
    for axis, (what, tools) in zip(axes, curves.items(), strict=True):
        for tool, curve in tools.items():
            axis.plot(*zip(*curve, strict=True), marker="o", label=tool)
        axis.set(xscale="log", yscale="log", xlabel=titles[what])
        places = sorted({at for curve in tools.values() for at, _ in curve})
        axis.set_xticks(places, [f"{at:,}" for at in places])
        axis.minorticks_off()
        axis.grid(visible=True, alpha=0.3)
    axes[0].set_ylabel("CPU seconds")
    axes[0].legend(fontsize=8)
    figure.savefig(file, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    if asked.plot:
        draw(grow(asked.environments), asked.plot)
        return
    compare(asked.environments)
    replicas()


if __name__ == "__main__":
    main()
