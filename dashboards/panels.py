"""What a panel asks and of which series: one description for whoever draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RATE = "$__rate_interval"  # Grafana's: never shorter than four scrapes
Kind = Literal["timeseries", "stat"]
Unit = Literal["percentunit", "none", "s", "reqps", "bytes", "Bps", "short", "celsius", "watt", "bool"]
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
        empty_ok: why this panel may rightly show nothing; empty when it must not.
    """

    title: str
    question: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: Unit
    width: int = 8
    height: int = 7
    thresholds: tuple[Threshold, ...] = ()
    base: Color = "text"
    low: float | None = None
    high: float | None = None
    empty_ok: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one title; the first row of a page has none."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False
