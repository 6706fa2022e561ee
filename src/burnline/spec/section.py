"""What every section of `signals` in the service file has."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from burnline.spec.strict import Strict
from burnline.spec.units import Duration, PositiveCount, Ratio

TEN_MINUTES, HOUR = timedelta(minutes=10), timedelta(hours=1)
OURS = "burnline"  # the engine


class Section(Strict):
    """A signal of one service.

    Attributes:
        additive: bad events of windows add up to those of the windows together. Those of a signal that says of a whole
            window how much of it is bad, not of which events, do not; its detector says so too.
        celled: its detector shows Prometheus how often each cell of a feature is counted, from which rules compute it.
        net: the threshold is taken off the score already: it is in alarm over 0.
        window: of so long is everything judged at once.
        min_events: with fewer nothing is said of a window.
    """

    additive: ClassVar[bool] = True
    celled: ClassVar[bool] = False
    net: ClassVar[bool] = False

    window: Duration = TEN_MINUTES
    min_events: PositiveCount = 500

    @property
    def anew(self) -> bool:
        """Whether the bad events of a longer time are counted anew, from all that it holds."""
        return not self.additive

    @property
    def limit(self) -> float | None:
        """The score over which it is in alarm; None where only its detector knows."""
        return 0.0 if self.net else None


class Limited(Section):
    """A signal with one limit. `threshold`: how much of what is bad may be."""

    threshold: Ratio = 0.05

    @property
    def limit(self) -> float | None:
        return 0.0 if self.net else self.threshold
