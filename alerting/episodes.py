"""Which episode a delivery belongs to, and what it changes there: pure rules, the same end in any order of arrival.

Deliveries come late, twice, out of order, and with another `startsAt` after a restart of the sender. What counts is
the span each one reports: [startsAt, startsAt] while firing, [startsAt, endsAt] when resolved. An alert is open
exactly when it was reported firing after every end that was reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from burnline.events import AlertEvent
from burnline.store.incidents import CLOSED, OPEN, Episode


def episode_of(episodes: Sequence[Episode], alert: AlertEvent) -> Episode | None:
    """The episode `alert` speaks of: the last that had begun by then, else the first; None when it begins a new one.

    `episodes`: those within reach (open, or ended at most a flap window before `alert.starts_at`), oldest first.
    """
    begun = [episode for episode in episodes if episode.first_starts_at <= (alert.ends_at or alert.starts_at)]
    return begun[-1] if begun else next(iter(episodes), None)


def merge(episode: Episode, alert: AlertEvent, *, latest: bool) -> Episode:
    """`episode` once `alert` is known; `latest`: no younger episode of this alert exists, so it may open again."""
    merged = replace(
        episode,
        first_starts_at=min(episode.first_starts_at, alert.starts_at),
        last_starts_at=max(episode.last_starts_at, alert.starts_at),
        deliveries=episode.deliveries + 1,
    )
    if alert.ends_at is None:
        again = latest and episode.ended_at is not None and alert.starts_at > episode.ended_at
        return replace(merged, state=OPEN, ended_at=None) if again else merged
    if episode.ended_at is not None:
        return replace(merged, ended_at=max(episode.ended_at, alert.ends_at))
    over = alert.ends_at >= merged.last_starts_at  # else it is the end of an earlier firing, delivered late
    return replace(merged, state=CLOSED, ended_at=alert.ends_at) if over else merged
