"""A backtest as a picture (PNG, by matplotlib): burn rates against what fires, the budget, and what was out when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from burnline.errors import BurnlineError
from burnline.slo.backtest.points import Span, excluded_spans, thinned
from burnline.slo.backtest.replay import Replay
from burnline.slo.backtest.result import Backtest, Incident
from burnline.slo.ring import Array
from burnline.spec.units import format_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {"page": "#c62828", "ticket": "#ef6c00", "incident": "#1565c0", "excluded": "#757575", "budget": "#2e7d32"}


def write_png(
    path: Path, found: Sequence[tuple[Replay, Backtest]], incidents: Sequence[Incident] = (), *, points: int = 2000
) -> None:
    """Two panels for each SLO.

    Raises: BurnlineError without matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BurnlineError("a PNG needs matplotlib: install burnline[plot], or write .html") from error
    with mpl.rc_context({"timezone": "UTC", "font.size": 9}):
        figure = Figure(figsize=(11, 4.6 * len(found)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2 * len(found), 1, squeeze=False, height_ratios=[2, 1] * len(found))
        for row, (replay, result) in enumerate(found):
            burn, budget = axes[2 * row][0], axes[2 * row + 1][0]
            _draw_burn(burn, replay, points)
            _draw_budget(budget, replay, points)
            for axis in (burn, budget):
                _shade(axis, replay, result, incidents)
                axis.set_xlim(_moments(replay.at[:1])[0], _moments(replay.at[-1:])[0])
            burn.set_title(f"{result.service} {result.slo}", loc="left", fontweight="bold")
        figure.savefig(path, dpi=110, format="png")


def _draw_burn(axis: Axes, replay: Replay, points: int) -> None:
    """Rates as multiples of what fires, so that one line, 1, is the threshold of every tier."""
    for number, each in enumerate(replay.tiers):
        at, rate = thinned(replay.at, each.long / each.tier.factor, points)
        name = f"{each.tier.name} ({format_duration(each.tier.long)}, {each.tier.factor:.4g}x)"
        axis.plot(_moments(at), rate, label=name, linewidth=1.1, color=f"C{number}")
    axis.axhline(1, color="black", linewidth=0.8, linestyle="--")
    axis.set_yscale("symlog", linthresh=1)
    axis.set_yticks([0, 1, 10, 100], ["0", "fires", "10x", "100x"])
    axis.set_ylim(0, max(2.0, *(float(np.nanmax(each.long / each.tier.factor, initial=0)) for each in replay.tiers)))
    axis.set_ylabel("burn rate / factor")
    axis.legend(loc="upper left", fontsize=8, ncols=2, framealpha=0.85)


def _draw_budget(axis: Axes, replay: Replay, points: int) -> None:
    at, left = thinned(replay.at, replay.remaining * 100, points, lowest=True)
    axis.plot(_moments(at), left, color=COLORS["budget"], linewidth=1.2)
    axis.axhline(0, color="black", linewidth=0.8)
    low = float(np.nanmin(left)) if np.isfinite(left).any() else 0.0
    axis.set_ylim(max(min(-5.0, low * 1.05), -200), 105)
    axis.set_ylabel("budget left, %")


def _shade(axis: Axes, replay: Replay, result: Backtest, incidents: Sequence[Incident]) -> None:
    spans: list[tuple[str, Span, float]] = [("excluded", span, 0.25) for span in excluded_spans(replay)]
    spans += [("incident", (each.start, each.end), 0.18) for each in incidents]
    spans += [
        (episode.severity, (episode.start, episode.end or result.until), 0.3)
        for episode in (*result.tickets, *result.pages)
    ]
    for kind, (start, end), alpha in spans:
        # matplotlib takes datetimes; its types know only numbers
        axis.axvspan(start, end, color=COLORS[kind], alpha=alpha, linewidth=0)  # type: ignore[arg-type]


def _moments(at: Array) -> NDArray[np.datetime64]:
    return (at * 1000).astype("datetime64[ms]")
