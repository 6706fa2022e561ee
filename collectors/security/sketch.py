"""Who asks most, and for how much of everything that is asked: bounded, and without a name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 50  # principals that are followed
CELLS = 1024  # of the bitmap that counts different inputs
FEWEST = 100  # queries: of fewer, nothing is said


@dataclass(slots=True)
class Sketch:
    """Space-saving counters (Metwally, Agrawal, El Abbadi 2005) with a bitmap of inputs beside each.

    A count is too high by no more than `total / MOST`, never too low.
    """

    total: int = 0
    inputs: int = 0  # bitmap of all
    counts: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)  # bitmap of each

    def add(self, principal: str, count: int, cells: Iterable[int] = ()) -> None:
        """Count queries of one principal, about inputs that fell into `cells`."""
        self.total += count
        before = 0
        if principal not in self.counts and len(self.counts) >= MOST:
            least = min(self.counts, key=lambda name: (self.counts[name], name))
            before = self.counts.pop(least)
            self.seen.pop(least, None)
        self.counts[principal] = self.counts.get(principal, before) + count
        for cell in cells:
            self.inputs |= 1 << cell % CELLS
            self.seen[principal] = self.seen.get(principal, 0) | 1 << cell % CELLS

    def merge(self, other: Sketch) -> None:
        """Add another hour's."""
        for name, count in other.counts.items():
            self.add(name, count)
            if bits := other.seen.get(name, 0):
                self.seen[name] = self.seen.get(name, 0) | bits
        self.total += other.total - sum(other.counts.values())
        self.inputs |= other.inputs

    def share(self) -> float | None:
        """The share of the principal that asked most; None of too few queries."""
        return min(1.0, max(self.counts.values()) / self.total) if self.total >= FEWEST else None

    def coverage(self) -> float | None:
        """The largest share of all different inputs that one principal asked about; None when none were told."""
        if self.total < FEWEST or not self.inputs:
            return None
        return min(1.0, max(map(_different, self.seen.values()), default=0.0) / _different(self.inputs))

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        seen = {name: f"{bits:x}" for name, bits in self.seen.items()}
        return {"total": self.total, "inputs": f"{self.inputs:x}", "counts": self.counts, "seen": seen}


def read_sketch(kept: Mapping[str, Any]) -> Sketch:
    """As it was kept."""
    seen = {name: int(bits, 16) for name, bits in kept["seen"].items()}
    return Sketch(kept["total"], int(kept["inputs"], 16), dict(kept["counts"]), seen)


def _different(bits: int) -> float:
    """How many inputs set these bits, by linear counting (Whang, Vander-Zanden, Taylor 1990)."""
    empty = CELLS - bits.bit_count()
    return CELLS * math.log(CELLS / max(empty, 0.5))
