"""How soon drift is found, in events after it begins, and how often detectors cry before that.

One stream after another: 10,000 unchanged events, then a change; numbers are normal, of deviation 1. Burnline's drift
judges windows of 500 events against a profile of 20,000 rows, as strictly as in a service of 25 features. Beside it in
the same run: the population stability index over .2 and KS at p < .05, on windows of 1,000; and, where an interpreter
that has river is given, ADWIN, KSWIN and PageHinkley of river, event by event, with their defaults. Of river's own
generators, whose concept changes at a known event, all judge one thing: is an answer of a model that learned before
wrong? KSWIN, which takes 0.2 ms an event, begins 3,000 events before the change. Run:
    python benchmarks/detection_delay.py [--river PYTHON] [--repeats 5] [--plot docs/images/detection-delay.png]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnline.detectors.columns import ColumnReader
from burnline.detectors.drift import Drift
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import DriftSpec
from burnline.store.schema import EPOCH

ROWS, BEFORE, AFTER = 20_000, 10_000, 40_000
WINDOW, OTHERS_WINDOW = 500, 1000
SHARE = "24s"  # of 10 minutes: one of 25 features is as strict as one alone with windows 25 times shorter
Values = NDArray[Any]
Draw = Callable[[np.random.Generator, int, bool], Values]


@dataclass(frozen=True, slots=True)
class Change:
    """A stream: draws so many values, changed or not; `skew` has the change from the first event on."""

    name: str
    draw: Draw
    skew: bool = False
    labels: bool = False


def normal(shift: float = 0.0, deviation: float = 1.0) -> Draw:
    return lambda rng, n, changed: rng.normal(shift if changed else 0, deviation if changed else 1, n)


def missing(share: float) -> Draw:
    def draw(rng: np.random.Generator, n: int, changed: bool) -> Values:
        values = rng.normal(0, 1, n)
        values[rng.random(n) < (share if changed else 0.01)] = np.nan
        return values

    return draw


def gradual(shift: float, over: int) -> Draw:
    return lambda rng, n, changed: rng.normal(0, 1, n) + (shift * np.minimum(np.arange(n) / over, 1) if changed else 0)


def label(share: float) -> Draw:
    """Five labels; the rarest, of 2 %, grows."""

    def draw(rng: np.random.Generator, n: int, changed: bool) -> Values:
        rare = share if changed else 0.02
        return rng.choice(np.arange(5.0), n, p=[*(np.array([0.5, 0.3, 0.15, 0.05]) * (1 - rare)), rare])

    return draw


CHANGES = (
    Change("nothing", normal()),
    Change("shift .1 sigma (TV .04)", normal(0.1)),
    Change("shift .2 sigma", normal(0.2)),
    Change("shift .25 sigma", normal(0.25)),
    Change("shift .5 sigma", normal(0.5)),
    Change("shift 1 sigma", normal(1.0)),
    Change("shift 2 sigma", normal(2.0)),
    Change("deviation 1.5", normal(0, 1.5)),
    Change("deviation 2", normal(0, 2.0)),
    Change("a label from 2 % to 15 %", label(0.15), labels=True),
    Change("missing from 1 % to 15 %", missing(0.15)),
    Change("skew of .5 sigma from the first event", normal(0.5), skew=True),
    Change("gradual, 1 sigma in 40,000", gradual(1.0, 40_000)),
)


@dataclass(slots=True)
class Outcome:
    """Alarms before the change, and how many events after it the first one came; None when none did."""

    early: int
    delay: int | None


def judged(alarms: Sequence[int], change: int) -> Outcome:
    """From the numbers of events at which an alarm began, or went on."""
    after = [at - change for at in alarms if at > change]
    return Outcome(sum(at <= change for at in alarms), min(after, default=None))


def column(values: Values, *, labels: bool) -> list[Any]:
    if labels:
        return [f"label{int(value)}" for value in values.tolist()]
    return [None if value != value else value for value in values.tolist()]


def burnline(reference: Values, live: Values, *, labels: bool = False) -> list[int]:
    """Where it is in alarm, by the number of events seen."""
    profile = build_profile({"x": column(reference, labels=labels)}, name="bench")
    detector, reader = Drift(profile, DriftSpec.model_validate({"window": SHARE})), ColumnReader(profile)
    memory, alarms = b"", []
    nothing: list[Any] = [None] * WINDOW
    for end in range(WINDOW, len(live) + 1, WINDOW):
        features = {"x": column(live[end - WINDOW : end], labels=labels)}
        batch = PredictionBatch("bench", "", EPOCH, features, [*nothing], [*nothing], [0] * WINDOW)
        said = detector.judge(detector.fold(reader.read(batch)), memory)
        memory = said.memory
        if said.verdict is Verdict.ALARM:
            alarms.append(end)
    return alarms


def by_windows(reference: Values, live: Values, rule: Callable[[Values, Values], bool]) -> list[int]:
    """A rule on windows by themselves; it sees what is there."""
    known = reference[~np.isnan(reference)]
    alarms = []
    for end in range(OTHERS_WINDOW, len(live) + 1, OTHERS_WINDOW):
        window = live[end - OTHERS_WINDOW : end]
        if rule(known, window[~np.isnan(window)]):
            alarms.append(end)
    return alarms


def stable(known: Values, window: Values) -> bool:
    """PSI over .2 in ten bins of equal shares."""
    edges = np.unique(np.quantile(known, np.arange(1, 10) / 10))
    p, q = (np.bincount(np.searchsorted(edges, each), minlength=len(edges) + 1) + 1e-4 for each in (window, known))
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum()) > 0.2


def kolmogorov_smirnov(known: Values, window: Values) -> bool:
    places = np.sort(np.concatenate([known, window]))
    below = (np.searchsorted(np.sort(each), places, side="right") / len(each) for each in (known, window))
    return float(np.abs(np.subtract(*below)).max()) > 1.358 * sqrt(1 / len(known) + 1 / len(window))


# Run by the other interpreter: reads streams, says where river's detectors see drift, up to the first after `change`.
RIVER = """
import json, sys
import numpy as np
from river import drift, tree
from river.datasets import synth

def errors(before, after, train, rows, change, total):
    model, found = tree.HoeffdingTreeClassifier(), []
    first, second = iter(before.take(train + rows + change)), iter(after.take(total - change))
    for at, (x, y) in enumerate([*first, *second]):
        if at < train:
            model.learn_one(x, y)
        else:
            found.append(float(model.predict_one(x) != y))
    return found

asked = json.load(sys.stdin)
if asked["what"] == "generators":
    pairs = {
        "SEA, concept 0 to 2": (synth.SEA(0, seed=1), synth.SEA(2, seed=2)),
        "Agrawal, 0 to 3": (synth.Agrawal(0, seed=1), synth.Agrawal(3, seed=2)),
        "Sine, 0 to 1": (synth.Sine(0, seed=1), synth.Sine(1, seed=2)),
        "STAGGER, 0 to 1": (synth.STAGGER(0, seed=1), synth.STAGGER(1, seed=2)),
        "Mixed, 0 to 1": (synth.Mixed(0, seed=1), synth.Mixed(1, seed=2)),
    }
    sizes = asked["train"], asked["rows"], asked["change"], asked["total"]
    json.dump({name: errors(*pair, *sizes) for name, pair in pairs.items()}, sys.stdout)
else:
    live = np.load(asked["path"])
    made = {"ADWIN": drift.ADWIN, "KSWIN": lambda: drift.KSWIN(seed=1), "PageHinkley": drift.PageHinkley}
    found = {}
    for name, make in made.items():
        detector, alarms = make(), []
        first = max(0, asked["change"] - 3000) if name == "KSWIN" else 0  # it takes 0.2 ms an event
        for at, value in enumerate(live[first:].tolist(), first + 1):
            if value == value:
                detector.update(value)
                if detector.drift_detected:
                    alarms.append(at)
                    if at > asked["change"]:
                        break
        found[name] = alarms
    json.dump(found, sys.stdout)
"""


def ask_river(python: str, asked: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run([python, "-c", RIVER], input=json.dumps(asked), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def all_of(reference: Values, live: Values, change: int, river: str, *, labels: bool = False) -> dict[str, Outcome]:
    alarms = {
        "burnline": burnline(reference, live, labels=labels),
        "PSI > .2": by_windows(reference, live, stable),
        "KS p < .05": by_windows(reference, live, kolmogorov_smirnov),
    }
    if river:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "live.npy"
            np.save(path, live)
            alarms |= ask_river(river, {"what": "detect", "path": str(path), "change": change})
    return {name: judged(found, change) for name, found in alarms.items()}


def repeated(change: Change, river: str, repeats: int) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        before = 0 if change.skew else BEFORE
        live = np.concatenate([change.draw(rng, before, False), change.draw(rng, AFTER, True)])
        reference = change.draw(rng, ROWS, False)
        for name, outcome in all_of(reference, live, before, river, labels=change.labels).items():
            found.setdefault(name, []).append(outcome)
    return found


def said(outcomes: Sequence[Outcome]) -> str:
    """Median delay where more than half saw it, and how many alarms came before."""
    delays = sorted(outcome.delay if outcome.delay is not None else AFTER + 1 for outcome in outcomes)
    middle = delays[len(delays) // 2]
    early = sum(outcome.early for outcome in outcomes)
    return f"{f'{middle:,}' if middle <= AFTER else 'never'}{f' ({early} early)' if early else ''}"


def main() -> int:
    parser = argparse.ArgumentParser(description="How soon drift is found, and how often detectors cry before it.")
    parser.add_argument("--river", default="", help="an interpreter that has river; without it river is left out")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    if not asked.river:
        sys.stderr.write("no --river: ADWIN, KSWIN, PageHinkley and river's generators are left out\n")
    names = ["burnline", "PSI > .2", "KS p < .05", *(["ADWIN", "KSWIN", "PageHinkley"] if asked.river else [])]
    print("| change | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|")
    rows: list[tuple[str, dict[str, list[Outcome]]]] = []
    for change in CHANGES:
        rows.append((change.name, repeated(change, asked.river, asked.repeats)))
        print(f"| {change.name} | " + " | ".join(said(rows[-1][1][name]) for name in names) + " |", flush=True)
    for name, errors in streams(asked.river).items():
        reference, live = np.array(errors[: ROWS // 4]), np.array(errors[ROWS // 4 :])
        found = all_of(reference, live, BEFORE, asked.river, labels=True)
        rows.append((name, {each: [outcome] for each, outcome in found.items()}))
        print(f"| {name} | " + " | ".join(said(rows[-1][1][each]) for each in names) + " |", flush=True)
    if asked.plot:
        plot(rows, names, asked.plot)
    return 0


def streams(river: str) -> dict[str, list[float]]:
    """Of river's generators: was each answer of a model that learned before wrong?"""
    if not river:
        return {}
    sizes = {"train": 5000, "rows": ROWS // 4, "change": BEFORE, "total": 2 * BEFORE}
    return ask_river(river, {"what": "generators", **sizes})


COLOURS = dict(
    zip(
        ("burnline", "PSI > .2", "KS p < .05", "ADWIN", "KSWIN", "PageHinkley"),
        ("#1b9e77", "#7570b3", "#d95f02", "#1f78b4", "#e7298a", "#a6761d"),
        strict=True,
    )
)


def plot(rows: Sequence[tuple[str, dict[str, list[Outcome]]]], names: Sequence[str], path: Path) -> None:
    """A row per change: a mark where each detector saw it; hollow when it had cried before there was anything."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6.4), layout="constrained")
    never = 2 * AFTER
    for number, name in enumerate(names):
        for at, (_, found) in enumerate(rows):
            delays = [one.delay if one.delay is not None else never for one in found[name]]
            early = any(one.early for one in found[name])
            face = "none" if early else COLOURS[name]
            place = at + 0.13 * (number - (len(names) - 1) / 2)
            axes.plot(np.median(delays), place, "o", color=COLOURS[name], markerfacecolor=face, markersize=6)
        axes.plot([], [], "o", color=COLOURS[name], label=name)
    axes.plot([], [], "o", color="grey", markerfacecolor="none", label="had alarmed before the change")
    axes.axvline(AFTER * 1.4, color="grey", linewidth=0.6)
    axes.set(xscale="log", xlabel="events from the change to the alarm (right of the line: never)")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.grid(axis="y", linewidth=0.3)
    axes.invert_yaxis()
    axes.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.4, -0.09))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
