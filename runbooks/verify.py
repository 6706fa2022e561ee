"""Did it help? Windows of the same SLI after the change, judged by a stated rule. No data is never success."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.events import Counts, Outcome
from burnline.runbooks.kinds import Verify


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the windows say so far; `outcome` is None while it is too early to tell."""

    outcome: Outcome | None
    text: str


def closed_windows(rule: Verify, began: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """The windows that are over, oldest first; they follow each other from the end of `settle` to the deadline."""
    first = began + rule.settle
    until = min(now, first + rule.patience)
    count = max(0, (until - first) // rule.window)
    return [(first + n * rule.window, first + (n + 1) * rule.window) for n in range(count)]


def next_look(rule: Verify, began: datetime, now: datetime) -> datetime:
    """When the next window closes, or the deadline if that is sooner."""
    first = began + rule.settle
    passed = max(timedelta(0), now - first) // rule.window
    return min(first + (passed + 1) * rule.window, first + rule.patience)


def judge(
    windows: Sequence[Counts | None], rule: Verify, *, max_bad: float, before: float | None, over: bool
) -> Judgement:
    """Judge the closed windows.

    Args:
        max_bad: the bad share a good window may have.
        before: the bad share before the change; None: not known, and nothing can be called worse.
        over: the deadline has passed.
    """
    latest = [_share(counts, rule.min_events) for counts in windows][-rule.of :]
    told = [share for share in latest if share is not None]
    good = sum(share <= max_bad for share in told)
    worse = sum(share > before + rule.worse_by for share in told) if before is not None else 0
    text = (
        f"{good} good, {len(told) - good} bad, {len(latest) - len(told)} without enough events of {len(latest)} windows"
    )
    if told:
        text += f"; bad share {told[-1]:.2%}, at most {max_bad:.2%} is good"
    if good >= rule.good:
        return Judgement(Outcome.RECOVERED, text)
    if worse >= rule.good:
        return Judgement(Outcome.WORSE, f"{text}; it was {before:.2%} before the change")
    if not over:
        return Judgement(None, text)
    return Judgement(Outcome.NOT_RECOVERED if good < len(told) else Outcome.NO_DATA, text)


def _share(counts: Counts | None, min_events: int) -> float | None:
    if counts is None or counts.total < min_events:
        return None
    return counts.bad / counts.total
