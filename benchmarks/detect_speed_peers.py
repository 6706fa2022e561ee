"""One tool, one table: seconds of CPU and memory of comparing 100,000 rows with a reference. Called by detect_speed.py.

    PEER_PYTHON benchmarks/detect_speed_peers.py TOOL ROWS NUMBERS LABELS

Nothing of burnline is imported unless TOOL is burnline: the peers' own environments do not have it. What a tool does
once per reference (fit, profile) is outside the clock, and so is making the table. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

SIZES = (3, 8, 20, 50, 200)  # different values of the label columns, over and over
Work = Callable[[], object]
os.environ |= {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "1"}
warnings.filterwarnings("ignore")


def numbers(seed: int, rows: int, columns: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {f"n{at}": rng.normal(size=rows) for at in range(columns)}


def codes(seed: int, rows: int, columns: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {f"c{at}": rng.integers(0, SIZES[at % 5], rows).astype(np.int16) for at in range(columns)}


def words(at: int) -> list[str]:
    return [f"label-{value}-of-{at}" for value in range(SIZES[at % 5])]


def frame(seed: int, rows: int, of_numbers: int, of_labels: int, *, coded: bool) -> Any:
    """As pandas has it; labels as `category`, or as Python text."""
    pd = import_module("pandas")
    table = pd.DataFrame(numbers(seed, rows, of_numbers))
    for at, (name, column) in enumerate(codes(seed, rows, of_labels).items()):
        labels = pd.Categorical.from_codes(column, categories=words(at))
        table[name] = labels if coded else np.array(words(at), dtype=object)[column]
    return table


def burnline(rows: int, of_numbers: int, of_labels: int, *, coded: bool) -> Work:
    from datetime import UTC, datetime

    from burnline.detectors.build import build_detectors
    from burnline.detectors.columns import Coded, ColumnReader
    from burnline.detectors.profiling.build import build_profile
    from burnline.events import PredictionBatch
    from burnline.spec.service import ServiceSpec

    def table(seed: int) -> dict[str, Any]:
        named = enumerate(codes(seed, rows, of_labels).items())
        labels = {name: Coded(column, words(at)) for at, (name, column) in named}
        given: dict[str, Any] = {name: column if coded else column.plain() for name, column in labels.items()}
        return {**numbers(seed, rows, of_numbers), **given}

    spec = {"apiVersion": "burnline/v1", "service": "bench", "owner": "bench", "signals": {"drift": {}}}
    reference = build_profile(table(1), name="bench")
    detector, reader = build_detectors(ServiceSpec.model_validate(spec), reference)["drift"], ColumnReader(reference)
    current, nothing = table(2), [None] * rows
    at = datetime(2026, 1, 5, tzinfo=UTC)
    batch = PredictionBatch("bench", "1", at, current, [*nothing], [*nothing], [0] * rows)
    return lambda: detector.judge(detector.fold(reader.read(batch)))


def nannyml(rows: int, of_numbers: int, of_labels: int, *, coded: bool, methods: tuple[str, str]) -> Work:
    nml = import_module("nannyml")
    reference = frame(1, rows, of_numbers, of_labels, coded=coded)
    labels = [f"c{at}" for at in range(of_labels)]
    calculator = nml.UnivariateDriftCalculator(
        column_names=list(reference.columns),
        treat_as_categorical=labels,
        continuous_methods=[methods[0]],
        categorical_methods=[methods[1]],
        chunk_number=1,
    ).fit(reference)
    current = frame(2, rows, of_numbers, of_labels, coded=coded)
    return lambda: calculator.calculate(current)


def alibi(rows: int, of_numbers: int, of_labels: int, *, coded: bool) -> Work:
    """It takes one array of floats, so labels are always coded."""
    tabular_drift = import_module("alibi_detect.cd").TabularDrift

    def array(seed: int) -> Any:
        return np.column_stack([*numbers(seed, rows, of_numbers).values(), *codes(seed, rows, of_labels).values()])

    categories = {of_numbers + at: None for at in range(of_labels)}
    detector = tabular_drift(array(1), p_val=0.05, categories_per_feature=categories)
    current = array(2)
    return lambda: detector.predict(current)


def evidently_report(rows: int, of_numbers: int, of_labels: int, *, coded: bool) -> Work:
    evidently, presets = import_module("evidently"), import_module("evidently.presets")
    definition = evidently.DataDefinition(
        numerical_columns=[f"n{at}" for at in range(of_numbers)],
        categorical_columns=[f"c{at}" for at in range(of_labels)],
    )
    tables = [frame(seed, rows, of_numbers, of_labels, coded=coded) for seed in (1, 2)]
    reference, current = (evidently.Dataset.from_pandas(table, data_definition=definition) for table in tables)
    return lambda: evidently.Report([presets.DataDriftPreset()]).run(current, reference).dict()


def whylogs(rows: int, of_numbers: int, of_labels: int, *, coded: bool) -> Work:
    why, drift = import_module("whylogs"), import_module("whylogs.viz.drift.column_drift_algorithms")
    reference = why.log(frame(1, rows, of_numbers, of_labels, coded=coded)).view()
    current = frame(2, rows, of_numbers, of_labels, coded=coded)
    return lambda: drift.calculate_drift_scores(why.log(current).view(), reference, with_thresholds=True)


KS, JS = ("kolmogorov_smirnov", "chi2"), ("jensen_shannon", "jensen_shannon")
TOOLS: dict[str, Callable[[int, int, int], Work]] = {
    "burnline, coded": lambda *shape: burnline(*shape, coded=True),
    "burnline, text": lambda *shape: burnline(*shape, coded=False),
    "nannyml KS and chi2, coded": lambda *shape: nannyml(*shape, coded=True, methods=KS),
    "nannyml KS and chi2, text": lambda *shape: nannyml(*shape, coded=False, methods=KS),
    "nannyml JS, coded": lambda *shape: nannyml(*shape, coded=True, methods=JS),
    "alibi-detect TabularDrift": lambda *shape: alibi(*shape, coded=True),
    "whylogs, text": lambda *shape: whylogs(*shape, coded=False),
    "evidently DataDriftPreset, coded": lambda *shape: evidently_report(*shape, coded=True),
    "evidently DataDriftPreset, text": lambda *shape: evidently_report(*shape, coded=False),
}


def main() -> None:
    if len(sys.argv) == 1:
        print("one measurement of detect_speed.py; nothing to do alone")
        return
    tool, *shape = sys.argv[1:]
    work = TOOLS[tool](*map(int, shape))
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds: list[float] = []
    while len(seconds) < 2 or (len(seconds) < 15 and sum(seconds) < 3):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu_s": min(seconds), "loaded_mb": loaded / 1024, "peak_mb": peak / 1024}))


if __name__ == "__main__":
    main()
