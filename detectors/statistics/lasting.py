"""How long some windows are, in words: of events a time, of a table's rows their number."""

from __future__ import annotations

from datetime import timedelta

from burnline.detectors.statistics.edetector import MONTH
from burnline.spec.units import format_duration


class OfRows(timedelta):
    """The length of a window that is some rows of a table: nobody knows what time they took, and it is not told."""


def lasting(windows: int, window: timedelta) -> str:
    """So many windows.

    >>> lasting(2, timedelta(minutes=10)), lasting(2, OfRows(minutes=10)), lasting(1, OfRows(minutes=10))
    ('20m', '2 windows', '1 window')
    """
    if isinstance(window, OfRows):
        return f"{windows:,} window{'s' if windows != 1 else ''}"
    return format_duration(windows * window)


def promised(window: timedelta) -> str:
    """The time in which one false alarm is to be expected at most.

    >>> promised(timedelta(minutes=10)), promised(OfRows(minutes=10))
    ('30 days', '4,320 windows')
    """
    return lasting(int(MONTH / window), window) if isinstance(window, OfRows) else f"{MONTH.days} days"
