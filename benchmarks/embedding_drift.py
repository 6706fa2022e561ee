"""Embedding drift: how much of another topic it takes until it is seen, beside four usual scores.

    python benchmarks/embedding_drift.py [--windows 100] [--plot docs/images/embedding-drift.png]

Made-up embeddings of 384 dimensions, of unit length: 40 topics, each a cone of its own width around a direction that it
shares with others in part, as sentence embeddings have it. The reference has 2,500 rows, a window 200 events. A window
holds a part of one of three populations that the reference does not have: three topics of their own ("new topics"), the
reference's topics moved a little one way ("moved"), both 5, 10 or 20 % of it; or the reference's topics in other shares
("other mix"), 25 to 100 % of it, for the half of that is what was there before.

Every score alarms above its own 99 % quantile over windows without any change, so the table compares what they see, not
how they are calibrated. The last lines run the detector with its default limits: its false alarms and what it finds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from burnline.detectors.centroids import build_embedding, nearest, whole
from burnline.detectors.columns import ColumnReader
from burnline.detectors.embedding import EmbeddingDrift, turned
from burnline.detectors.profiling.build import build_profile
from burnline.events import PredictionBatch, Verdict
from burnline.spec.signals import EmbeddingSpec

DIMENSION, TOPICS, REFERENCE, EVENTS, FEATURES = 384, 40, 2500, 200, 512
SHARES = {"new topics": (0.05, 0.1, 0.2), "moved": (0.05, 0.1, 0.2), "other mix": (0.25, 0.5, 1.0)}
Floats = NDArray[np.float64]
Score = Callable[[Floats], float]


@dataclass(frozen=True)
class World:
    """Where topics lie, how wide they are, and how often each comes."""

    centres: Floats
    widths: Floats
    shares: Floats

    def draw(self, rng: np.random.Generator, rows: int) -> Floats:
        topics = rng.choice(len(self.centres), rows, p=self.shares)
        noise = rng.normal(0, 1, (rows, DIMENSION)) * self.widths[topics][:, None] / np.sqrt(DIMENSION)
        points = self.centres[topics] + noise
        return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def world(rng: np.random.Generator, topics: int, common: Floats) -> World:
    own = rng.normal(0, 1, (topics, DIMENSION))
    centres = 0.5 * common + own / np.linalg.norm(own, axis=1, keepdims=True)
    return World(centres, rng.uniform(0.8, 1.4, topics), rng.dirichlet(np.full(topics, 2.0)))


def scores(reference: Floats) -> dict[str, Score]:
    """The usual scores of a window against the reference; each is larger the more they differ."""
    known = build_embedding(reference.astype(np.float32))
    centroids = np.frombuffer(known.centroids, "<i4").reshape(-1, DIMENSION).astype(np.float64)
    mean = np.array(known.mean, dtype=np.float64)
    rng = np.random.default_rng(0)
    apart = np.linalg.norm(reference[:500, None] - reference[None, 500:1000], axis=2)
    waves = rng.normal(0, 1 / np.median(apart), (DIMENSION, FEATURES))
    phases = rng.uniform(0, 2 * np.pi, FEATURES)
    centre = reference.mean(axis=0)
    _, widths, axes = np.linalg.svd(reference - centre, full_matrices=False)
    axes, spread = axes[:32].T, widths[:32] / np.sqrt(len(reference))
    usual = np.array(known.counts) / sum(known.counts)
    known_waves = np.cos(reference @ waves + phases).mean(axis=0)
    projected = np.sort((reference - centre) @ axes, axis=0)

    def far(rows: Floats) -> float:
        return float((nearest(whole(rows.astype(np.float32), known.exponent), centroids)[1] > known.far).mean())

    def places(rows: Floats) -> float:
        found = np.bincount(nearest(whole(rows.astype(np.float32), known.exponent), centroids)[0], minlength=len(usual))
        return float(np.abs(found / len(rows) - usual).sum() / 2)

    def kolmogorov(rows: Floats) -> float:
        live = np.sort((rows - centre) @ axes, axis=0)
        steps = np.arange(1, len(rows) + 1) / len(rows)
        each = [
            np.abs(np.searchsorted(projected[:, axis], live[:, axis], side="right") / len(projected) - steps).max()
            for axis in range(axes.shape[1])
        ]
        return float(max(each))

    return {
        "far from 64 centroids (burnline)": far,
        "turn of the mean (burnline)": lambda rows: turned(
            whole(rows.astype(np.float32), known.exponent).sum(axis=0), mean
        ),
        "MMD, 512 random features": lambda rows: float(
            np.square(np.cos(rows @ waves + phases).mean(axis=0) - known_waves).sum()
        ),
        "Hotelling, 32 components": lambda rows: float(np.square(((rows - centre) @ axes).mean(axis=0) / spread).sum()),
        "KS, worst of 32 components": kolmogorov,
        "TV over 64 centroids": places,
    }


def mixtures(rng: np.random.Generator, usual: World, other: World) -> dict[str, Callable[[float], Floats]]:
    """Windows by the share of their events that are of another population."""
    mix = World(usual.centres, usual.widths, rng.permutation(usual.shares))
    away = rng.normal(0, 0.35 / np.sqrt(DIMENSION), DIMENSION)

    def blend(strange: Callable[[int], Floats]) -> Callable[[float], Floats]:
        def window(share: float) -> Floats:
            count = rng.binomial(EVENTS, share)
            return np.concatenate([usual.draw(rng, EVENTS - count), strange(count)])

        return window

    return {
        "new topics": blend(lambda rows: other.draw(rng, rows)),
        "moved": blend(lambda rows: usual.draw(rng, rows) + away),
        "other mix": blend(lambda rows: mix.draw(rng, rows)),
    }


def detector(reference: Floats) -> Callable[[Floats], bool]:
    """Whether the detector alarms over a window, with its default limits."""
    plain = build_profile({"nothing": [1.0]}, name="bench")
    known = msgspec.structs.replace(plain, embedding=build_embedding(reference.astype(np.float32)))
    reader, made = ColumnReader(known), EmbeddingDrift(known, EmbeddingSpec())
    at = datetime(2026, 1, 5, tzinfo=UTC)

    def alarms(rows: Floats) -> bool:
        sent: list[bytes | None] = [row.astype("<f4").tobytes() for row in rows]
        batch = PredictionBatch("b", "1", at, {}, [None] * len(rows), [None] * len(rows), [0] * len(rows), [], [], sent)
        return made.judge(made.fold(reader.read(batch))).verdict is Verdict.ALARM

    return alarms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--plot", type=Path, help="where to draw the detection rates")
    asked = parser.parse_args()
    rng = np.random.default_rng(7)
    common = rng.normal(0, 1, DIMENSION)
    common /= np.linalg.norm(common)
    usual, other = world(rng, TOPICS, common), world(rng, 3, common)
    reference = usual.draw(rng, REFERENCE)
    calm = [usual.draw(rng, EVENTS) for _ in range(5 * asked.windows)]
    live = {
        (name, share): [draw(share) for _ in range(asked.windows)]
        for name, draw in mixtures(rng, usual, other).items()
        for share in SHARES[name]
    }
    found: dict[str, dict[tuple[str, float], float]] = {}
    columns = [(name, share) for name, share in live]
    print(
        f"{'score':<34}" + "".join(f"{name[:6]} {share:.0%}".rjust(11) for name, share in columns) + f"{'us/event':>10}"
    )
    for name, score in scores(reference).items():
        start = time.process_time()
        limit = float(np.quantile([score(rows) for rows in calm], 0.99))
        cost = (time.process_time() - start) / len(calm) / EVENTS * 1e6
        found[name] = {key: float(np.mean([score(rows) > limit for rows in windows])) for key, windows in live.items()}
        print(f"{name:<34}" + "".join(f"{found[name][key]:11.2f}" for key in columns) + f"{cost:10.1f}")
    alarms = detector(reference)
    hits = {key: float(np.mean([alarms(rows) for rows in windows])) for key, windows in live.items()}
    print(f"{'detector, default limits, n = 200':<34}" + "".join(f"{hits[key]:11.2f}" for key in columns))
    print(f"its false alarms in {len(calm):,} calm windows: {sum(map(alarms, calm))}")
    for events in (1000, 5000):
        draws = mixtures(rng, usual, other)
        larger = [np.concatenate([draws[name](share) for _ in range(events // EVENTS)]) for name, share in columns]
        print(f"{f'one window of n = {events:,}':<34}" + "".join(f"{alarms(rows)!s:>11}" for rows in larger))
    if asked.plot:
        _draw(found, asked.plot)


def _draw(found: dict[str, dict[tuple[str, float], float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = list(dict.fromkeys(kind for kind, _ in next(iter(found.values()))))
    figure, axes = pyplot.subplots(1, len(kinds), figsize=(10, 4), sharey=True, layout="constrained")
    for axis, kind in zip(axes, kinds, strict=True):
        for name, rates in found.items():
            style = "-" if "burnline" in name else "--"
            axis.plot(
                [100 * share for share in SHARES[kind]],
                [100 * rates[kind, share] for share in SHARES[kind]],
                style,
                marker="o",
                label=name,
            )
        axis.set(title=kind, xlabel="share of the window, %", xticks=[100 * share for share in SHARES[kind]])
    axes[0].set_ylabel("windows detected, %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
