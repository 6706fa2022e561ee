"""False alarms of drift while nothing changes, against the promise: one in 30 days for all features of a service.

Streams of a service with 25 features (20 numbers, 5 of labels) that never change, judged window by window, 10 minutes
each: independent events; events in sessions of equal users, with and without the reference's design effect; windows of
very different sizes; a reference of 500 rows; and the drift that is exactly the threshold, where the promise is
hardest to keep. Beside them on the same windows KS at p < .05 and the population stability index over .1 and .2.
Run: python benchmarks/false_alarms.py [EVENTS] [--plot docs/images/false-alarms.png]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import erf, sqrt
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.drift import Drift
from burnline.detectors.profile import Column, Number, Reference
from burnline.detectors.profiling.build import build_profile
from burnline.detectors.sketch import Counter64, Sketch
from burnline.detectors.statistics.distance import kolmogorov
from burnline.events import Verdict
from burnline.spec.signals import DriftSpec

NUMBERS = 20
LABELS = (3, 8, 20, 50, 60)  # kinds of labels
MONTH = 4320  # windows in 30 days
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """A service: `session` events that are alike come together, with this correlation."""

    name: str
    sizes: tuple[int, ...] = (1000,)
    rows: int = 100_000
    session: int = 1
    alike: float = 0.0
    told: bool = False  # whether the reference knows of the sessions
    moved: float = 0.0  # true total variation of every feature


CASES = (
    Case("independent"),
    Case("windows of 50 to 20,000", sizes=(50, 500, 2000, 20_000)),
    Case("reference of 500 rows", rows=500),
    Case("drift of exactly 5 %", moved=0.05),
    Case("sessions of 10, alike .3, design effect known", session=10, alike=0.3, told=True),
    Case("sessions of 10, alike .3, unknown", session=10, alike=0.3),
    Case("sessions of 50, alike .3, design effect known", session=50, alike=0.3, told=True),
    Case("sessions of 50, alike .3, unknown", session=50, alike=0.3),
)


def label_shares(kinds: int) -> Floats:
    shares = 1 / np.arange(1, kinds + 1)
    return np.asarray(shares / shares.sum())


def pick(rng: np.random.Generator, shares: Floats, rows: int) -> NDArray[Any]:
    return rng.choice(len(shares), rows, p=shares)


def sessions(rng: np.random.Generator, draw: Callable[[int], NDArray[Any]], rows: int, case: Case) -> NDArray[Any]:
    """Values of `rows` events; of a session, each is that of its first event with the root of `alike`."""
    if case.session == 1:
        return draw(rows)
    count = -(-rows // case.session)
    own, other = draw(count), draw(count * case.session).reshape(count, case.session)
    same = rng.random(other.shape) < sqrt(case.alike)
    return np.where(same, own[:, None], other).ravel()[:rows]


def make_reference(rng: np.random.Generator, case: Case) -> Reference:
    columns: dict[str, Any] = {}
    for at in range(NUMBERS):
        columns[f"number{at:02}"] = sessions(rng, rng.standard_normal, case.rows, case)
    for kinds in LABELS:
        shares = label_shares(kinds)
        codes = sessions(rng, partial(pick, rng, shares), case.rows, case)
        columns[f"labels{kinds:02}"] = [f"v{code}" for code in codes.tolist()]
    effect = 1 + (case.session - 1) * case.alike if case.told else 1.0
    return msgspec.structs.replace(build_profile(columns, name="bench"), design_effect=effect)


def true_shares(column: Column) -> Floats:
    """What the population has in each cell of the reference, which no sample of it has exactly."""
    if isinstance(column, Number):
        below = [(1 + erf(edge / sqrt(2))) / 2 for edge in column.edges]
        return np.array([*np.diff([0.0, *below, 1.0]), 0.0, 0.0])
    kinds = next(kinds for kinds in LABELS if kinds >= len(column.values))
    found = np.zeros(len(column.cells))
    known = {value: at for at, value in enumerate(column.values)}
    for code, share in enumerate(label_shares(kinds).tolist()):
        found[known.get(f"v{code}", len(column.values) + 1)] += share
    return found


def moved(shares: Floats, by: float) -> Floats:
    """One half of the events' cells gives so much to the other."""
    half = int((np.cumsum(shares) < 0.5).sum()) + 1
    down, up = shares[:half].sum(), shares[half:].sum()
    return np.concatenate([shares[:half] * (1 - by / down), shares[half:] * (1 + by / up)])


def draw_cells(rng: np.random.Generator, shares: Floats, events: int, case: Case) -> Counter64:
    """Counts of one window's cells."""
    if case.session == 1:
        return rng.multinomial(events, shares / shares.sum())
    cells = sessions(rng, partial(pick, rng, shares / shares.sum()), events, case)
    return np.bincount(cells, minlength=len(shares))


@dataclass(slots=True)
class Found:
    """What came of one case."""

    windows: int = 0
    alarms: int = 0  # that began
    alarmed: int = 0  # windows in alarm, however long ago it began
    kolmogorov: int = 0  # windows in which one feature's was at p < .05
    stability: tuple[int, int] = (0, 0)  # over .1, over .2


def run(case: Case, windows: int, seed: int) -> Found:
    rng, found = np.random.default_rng(seed), Found()
    reference = make_reference(rng, case)
    detector, columns = Drift(reference, DriftSpec(min_events=50)), list(reference.features.values())
    live = [moved(true_shares(column), case.moved) for column in columns]
    memory, alarmed = b"", False
    for _ in range(windows):
        size = int(rng.choice(case.sizes))
        counts = [draw_cells(rng, shares, size, case) for shares in live]
        said = detector.judge(Sketch(detector.empty().of, np.concatenate([[size], *counts]).astype(np.int64)), memory)
        now = said.verdict is Verdict.ALARM
        found.windows, found.alarms = found.windows + 1, found.alarms + (now and not alarmed)
        found.alarmed += now
        memory, alarmed = said.memory, now
        _others(found, counts[:NUMBERS], columns[:NUMBERS], size)
    return found


def _others(found: Found, counts: list[Counter64], columns: list[Column], events: int) -> None:
    """The usual rules on the same cells: does any of the numbers alarm?"""
    ks, psi = 0.0, 0.0
    for each, column in zip(counts, columns, strict=True):
        expected = np.array(column.cells)
        ks = max(ks, kolmogorov(each, expected) / (1.358 * sqrt(1 / events + 1 / expected.sum())))
        p, q = (each[:-2] + 1e-4) / events, expected[:-2] / expected.sum()
        psi = max(psi, float(((p - q) * np.log(p / q)).sum()))
    found.kolmogorov += ks > 1
    found.stability = found.stability[0] + (psi > 0.1), found.stability[1] + (psi > 0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description="False alarms of drift while nothing changes, against the promise.")
    parser.add_argument("events", nargs="?", type=int, default=1_000_000, help="per case")
    parser.add_argument("--months", type=float, default=0, help="windows per case, in months of 4,320, instead")
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    rows = []
    print("| service | windows | alarms that began | promised at most | in alarm | KS p < .05 | PSI > .1 | PSI > .2 |")
    print("|---|---|---|---|---|---|---|---|")
    for seed, case in enumerate(CASES):
        windows = asked.events // int(np.mean(case.sizes)) if not asked.months else int(asked.months * MONTH)
        found = run(case, windows, seed)
        promised = found.windows / MONTH
        others = " | ".join(
            f"{count / found.windows:.1%}" for count in (found.alarmed, found.kolmogorov, *found.stability)
        )
        print(f"| {case.name} | {found.windows} | {found.alarms} | {promised:.2f} | {others} |", flush=True)
        rows.append((case, found))
    if asked.plot:
        plot(rows, asked.plot)
    return 0


def plot(rows: list[tuple[Case, Found]], path: Path) -> None:
    """Windows in alarm in 30 days per case and rule, on a logarithmic axis that begins under one."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 4.8), layout="constrained")
    rules: dict[str, tuple[str, Callable[[Found], float]]] = {
        "KS p < .05": ("#d95f02", lambda found: found.kolmogorov),
        "PSI > .1": ("#e6ab02", lambda found: found.stability[0]),
        "PSI > .2": ("#7570b3", lambda found: found.stability[1]),
        "burnline": ("#1b9e77", lambda found: found.alarmed),
    }
    for number, (name, (colour, count)) in enumerate(rules.items()):
        values = [max(0.02, count(found) / found.windows * MONTH) for _, found in rows]
        places = [at + 0.2 * (1.5 - number) for at in range(len(rows))]
        axes.barh(places, values, height=0.18, color=colour, label=name)
    axes.axvline(1, color="black", linestyle="--", linewidth=1)
    axes.text(1.1, len(rows) - 0.4, "the promise: 1 alarm", fontsize=8, va="center")
    axes.set(
        xscale="log",
        xlim=(0.02, 10_000),
        xlabel="windows in alarm in 30 days while nothing has changed (none: at the left edge)",
    )
    axes.set_yticks(range(len(rows)), [case.name for case, _ in rows])
    axes.invert_yaxis()
    axes.legend(fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
