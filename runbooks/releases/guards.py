"""A guard's verdict from the blocks on record: the same record always gives the same verdict. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from burnline.events import Counts, GuardVerdict
from burnline.runbooks.releases.evidence import NOTHING, Block
from burnline.runbooks.releases.judge import (
    Judgement,
    judge_budget,
    judge_disagreement,
    judge_hard,
    judge_ranks,
    judge_sequential,
    judge_value,
)
from burnline.runbooks.releases.plan import ReleasePlan
from burnline.spec.release import GuardSpec
from burnline.store.rollouts import Rollout


@dataclass(frozen=True, slots=True)
class Seen:
    """What one guard read at one look."""

    at: datetime
    step: int
    block: Mapping[str, Any]


def judge_guard(plan: ReleasePlan, index: int, of: Rollout, seen: Sequence[Seen], now: datetime) -> Judgement:
    """The verdict of guard `index` after everything it has `seen`, oldest first."""
    guard = plan.release.guards[index]
    if guard.kind == "hard":
        return _hard(plan, guard, seen, now)
    if guard.kind == "compared":
        return _compared(guard, seen)
    if guard.kind == "sequential":
        return _sequential(guard, seen, _counts(of.history.get(str(index))) or NOTHING)
    if guard.kind == "budget":
        return _budget(plan, guard, of, seen, now)
    if guard.kind == "disagreement":
        above = guard.above or 0.0
        return judge_disagreement(_sum(seen, "canary"), above=above, min_events=guard.least_events, what=guard.what)
    return _end_of_bake(plan, guard, of, seen, now)


def _hard(plan: ReleasePlan, guard: GuardSpec, seen: Sequence[Seen], now: datetime) -> Judgement:
    bounds: dict[str, Any] = {"above": guard.above, "below": guard.below, "what": guard.what}
    newest = seen[-1].block if seen else {}
    if guard.signal is not None:
        of = f" of {newest['of']}" if newest.get("of") else ""
        return _signal(newest, **{**bounds, "what": f"{guard.what}{of}"})
    if guard.business is not None and plan.release.business[guard.business].gauge is not None:
        return judge_value(_worst(newest.get("canary") or (), guard), **bounds)
    counts = _sum([each for each in seen if each.at > now - guard.window], "canary")
    if counts is not None and guard.business is not None and _is_good(plan, guard):
        counts = Counts(counts.total - counts.bad, counts.total)  # the share is that of what was written
    return judge_hard(counts, min_events=guard.least_events, **bounds)


def _signal(newest: Mapping[str, Any], *, what: str, above: float | None, below: float | None = None) -> Judgement:
    """By the score; of an alarm that has none, and never had one in this release, only that it is no pass."""
    if newest.get("alarm") and newest.get("score") is None:
        text = f"{what} is in alarm, and since then no window had events enough for a score"
        return Judgement(GuardVerdict.INCONCLUSIVE, f"{text}. {newest['reason']}")
    judged = judge_value(newest.get("score"), above=above, below=below, what=what)
    held = "; the alarm goes on, and its newest window has too few events for a score of its own"
    return replace(judged, text=judged.text + held) if newest.get("alarm") else judged


def _compared(guard: GuardSpec, seen: Sequence[Seen]) -> Judgement:
    newest = seen[-1].block if seen else {}
    what = f"{guard.what}: what is worse than in the other versions"
    judged = _signal(newest, above=guard.above, what=what)
    reason = newest.get("reason")
    return replace(judged, text=f"{judged.text}. {reason}") if reason and judged.data else judged


def _is_good(plan: ReleasePlan, guard: GuardSpec) -> bool:
    ratio = plan.release.business[guard.business or ""].ratio
    return ratio is not None and ratio.good is not None


def _worst(values: Sequence[float], guard: GuardSpec) -> float | None:
    """The value furthest over `above`; where there is only `below`, the one furthest under it."""
    if not values:
        return None
    low, high = min(values), max(values)
    return low if guard.above is None or (guard.below is not None and low < guard.below) else high


def _sequential(guard: GuardSpec, seen: Sequence[Seen], history: Counts) -> Judgement:
    fewer = guard.below_baseline is not None
    blocks = [
        Block(_events(each.block.get("canary"), fewer), _events(each.block.get("baseline"), fewer)) for each in seen
    ]
    return judge_sequential(
        blocks,
        tolerance=guard.below_baseline or guard.worse_than_baseline or 1.0,
        min_events=guard.least_events,
        what=guard.what,
        fewer=fewer,
        history=_events([history.bad, history.total], fewer),
    )


def _events(block: Sequence[float] | None, fewer: bool) -> Counts:
    """Counted are the bad events; where too few are what is wrong, the good ones."""
    counts = _counts(block) or NOTHING
    return Counts(counts.total - counts.bad, counts.total) if fewer else counts


def _budget(plan: ReleasePlan, guard: GuardSpec, of: Rollout, seen: Sequence[Seen], now: datetime) -> Judgement:
    promised = plan.slos.get(guard.sli or "")
    if promised is None:
        return Judgement(GuardVerdict.NO_DATA, f"{guard.what} is no SLO any more")
    return judge_budget(
        _sum(seen, "canary"),
        _sum(seen, "served"),
        objective=promised.objective,
        window=promised.window,
        elapsed=now - of.started_at,
        above=guard.above or 0.0,
        min_events=guard.least_events,
        what=guard.what,
    )


def _end_of_bake(plan: ReleasePlan, guard: GuardSpec, of: Rollout, seen: Sequence[Seen], now: datetime) -> Judgement:
    """Once, of what was seen until the bake ended: looking on while something else is waited for changes nothing."""
    ends = of.step_since + plan.release.plan[of.step].bake
    if now < ends:
        return Judgement(GuardVerdict.INCONCLUSIVE, f"{guard.what} is judged at the end of the bake")
    own = [each.block for each in seen if each.step == of.step and each.at <= ends]
    canary, baseline = (
        [value for block in own for value in block.get(side) or () if math.isfinite(value)]
        for side in ("canary", "baseline")
    )
    return judge_ranks(canary, baseline, fewer=guard.worse == "lower", what=guard.what)


def _sum(seen: Iterable[Seen], side: str) -> Counts | None:
    """The events of all blocks; None when none was observed."""
    found = [counts for each in seen if (counts := _counts(each.block.get(side))) is not None]
    return Counts(sum(each.bad for each in found), sum(each.total for each in found)) if found else None


def _counts(block: Sequence[float] | None) -> Counts | None:
    return Counts(block[0], block[1]) if block else None
