"""What a panel asks and of which series: one description for whoever draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RATE = "$__rate_interval"  # Grafana's: never shorter than four scrapes
Kind = Literal["timeseries", "stat"]
Unit = Literal[
    "percentunit", "none", "s", "reqps", "bytes", "Bps", "short", "celsius", "watt", "bool", "hertz", "cps", "iops"
]  # fmt: skip
Color = Literal["green", "yellow", "orange", "red", "purple", "text"]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression; `legend` may name labels as {{label}}."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From `value` on, `color`; the values come from the service file, never from taste."""

    value: float
    color: Color


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `question` says what it answers, what is good and what to do first when it is not.

    Attributes:
        base: the colour below the first threshold.
        low, high: ends of the axis; `low` None where values may be negative.
        empty_ok: why this panel may rightly show nothing; empty when it must not.
    """

    title: str
    question: str
    queries: tuple[Query, ...]
    unit: Unit = "none"
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 7
    thresholds: tuple[Threshold, ...] = ()
    base: Color = "text"
    low: float | None = 0
    high: float | None = None
    empty_ok: str = ""

    @property
    def description(self) -> str:
        """What stands behind the panel's `i`: the question, and why it may show nothing."""
        return f"{self.question} Nothing shown: {self.empty_ok}." if self.empty_ok else self.question


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one title; the first row of a page has none."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False
