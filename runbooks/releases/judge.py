"""What each kind of guard makes of what was read: pass, fail, inconclusive or no_data, and why. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from burnline.events import Counts, GuardVerdict
from burnline.runbooks.releases.evidence import NOTHING, Block, evidence_of
from burnline.runbooks.releases.interval import interval_of
from burnline.runbooks.releases.ranks import LEAST_VALUES, compare_ranks

ALPHA = 0.02  # how often a good release may be stopped by one sequential guard, over all its looks together
LEANING = 3.0  # evidence of which Jeffreys says that it is worth more than a bare mention
CLEARLY = 0.6  # of ranks: a chance this far from 0.5 matters, a smaller one is a curiosity


@dataclass(frozen=True, slots=True)
class Judgement:
    """A guard's verdict, one sentence for a person, and the numbers behind it."""

    verdict: GuardVerdict
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


def no_data(what: str) -> Judgement:
    """Nothing was observed, so nothing is known."""
    return Judgement(GuardVerdict.NO_DATA, f"{what} has no events")


def judge_hard(
    seen: Counts | None, *, above: float | None = None, below: float | None = None, min_events: int, what: str
) -> Judgement:
    """Stop at once: the share of `seen` is over `above` or under `below`.

    A bound near the usual share is crossed by chance, look after look: put it far away (ten times), and leave smaller
    differences to a sequential guard.
    """
    if seen is None or seen.total <= 0:
        return no_data(what)
    share = seen.bad / seen.total
    text = f"{what} is {share:.2%} of {seen.total:,.0f}; {_bounds(above, below)}"
    data = {"bad": seen.bad, "total": seen.total, "share": share}
    if seen.total < min_events:
        return Judgement(GuardVerdict.INCONCLUSIVE, f"{text}; fewer than {min_events:,} events", data)
    return Judgement(_beyond(share, above, below), text, data)


def judge_value(value: float | None, *, above: float | None = None, below: float | None = None, what: str) -> Judgement:
    """Stop at once: a gauge or a signal's score is over `above` or under `below`."""
    if value is None or not math.isfinite(value):
        return Judgement(GuardVerdict.NO_DATA, f"{what} has no value")
    named = (("at most", above), ("at least", below))
    bounds = " and ".join(f"{word} {bound:g}" for word, bound in named if bound is not None)
    return Judgement(_beyond(value, above, below), f"{what} is {value:.4g}; allowed: {bounds}", {"value": value})


def judge_sequential(
    blocks: Sequence[Block],
    *,
    tolerance: float,
    min_events: int,
    what: str,
    fewer: bool = False,
    history: Counts = NOTHING,
    alpha: float = ALPHA,
) -> Judgement:
    """Compare with the baseline beside it; may be looked at as often as one likes.

    `pass` says that enough events were seen and no harm was found in them, not that there is none: what `min_events`
    can find is in docs/releases.md.
    """
    canary, baseline = _total(block.canary for block in blocks), _total(block.baseline for block in blocks)
    if canary.total <= 0 or baseline.total <= 0:
        return no_data(f"{what} of the {'canary' if canary.total <= 0 else 'baseline'}")
    found = evidence_of(blocks, tolerance=tolerance, fewer=fewer, history=history)
    word = "at least" if fewer else "at most"
    text = (
        f"{what}: canary {canary.bad / canary.total:.2%} of {canary.total:,.0f}, baseline "
        f"{baseline.bad / baseline.total:.2%} of {baseline.total:,.0f}; {word} {tolerance:g}x is allowed; "
        f"evidence {_times(found.highest)} of the {1 / alpha:g} that stop"
    )
    data = {
        "canary": [canary.bad, canary.total],
        "baseline": [baseline.bad, baseline.total],
        "evidence": min(math.exp(min(found.now, 700)), 1e300),
        "highest": min(math.exp(min(found.highest, 700)), 1e300),
    }
    if found.highest >= -math.log(alpha):
        return Judgement(GuardVerdict.FAIL, text, data)
    if min(canary.total, baseline.total) < min_events:
        return Judgement(GuardVerdict.INCONCLUSIVE, f"{text}; fewer than {min_events:,} events", data)
    if found.now >= math.log(LEANING):
        return Judgement(GuardVerdict.INCONCLUSIVE, f"{text}; leans to worse", data)
    return Judgement(GuardVerdict.PASS, text, data)


def judge_budget(
    harmed: Counts | None,
    served: Counts | None,
    *,
    objective: float,
    window: timedelta,
    elapsed: timedelta,
    above: float,
    min_events: int,
    what: str,
) -> Judgement:
    """How much of an SLO's error budget the release has burnt since it began.

    Args:
        harmed: the release's own events (those of the canary, where it can be told apart).
        served: events of the whole service in the same time. The budget is (1 - objective) of the events that the
            window would have at this rate: an estimate, which a busy hour makes too large and a quiet one too small.
    """
    if harmed is None or served is None or served.total <= 0 or elapsed <= timedelta(0):
        return no_data(what)
    budget = (1 - objective) * served.total * (window / elapsed)
    burnt = harmed.bad / budget
    text = f"{what}: {burnt:.2%} of the error budget burnt by {harmed.bad:,.0f} bad events; at most {above:.2%}"
    data = {"burnt": burnt, "bad": harmed.bad, "total": served.total}
    if burnt > above:
        return Judgement(GuardVerdict.FAIL, text, data)
    if served.total < min_events:
        return Judgement(GuardVerdict.INCONCLUSIVE, f"{text}; fewer than {min_events:,} events", data)
    return Judgement(GuardVerdict.PASS, text, data)


def judge_disagreement(seen: Counts | None, *, above: float, min_events: int, what: str) -> Judgement:
    """Shadow: how often the two answer the same request differently; both bounds hold at every look."""
    if seen is None or seen.total <= 0:
        return no_data(what)
    found = interval_of(seen)
    text = f"{what}: {found} of {seen.total:,.0f} answers differ; at most {above:.2%}"
    data = {"bad": seen.bad, "total": seen.total, "low": found.low, "high": found.high}
    if seen.total < min_events:
        return Judgement(GuardVerdict.INCONCLUSIVE, f"{text}; fewer than {min_events:,} pairs", data)
    if found.low > above:
        return Judgement(GuardVerdict.FAIL, text, data)
    verdict = GuardVerdict.PASS if found.high <= above else GuardVerdict.INCONCLUSIVE
    return Judgement(verdict, text, data)


def judge_ranks(
    canary: Sequence[float], baseline: Sequence[float], *, fewer: bool, what: str, alpha: float = ALPHA
) -> Judgement:
    """At the end of a bake, once: the canary's values rank above (with `fewer`: below) the baseline's."""
    if not canary or not baseline:
        return Judgement(GuardVerdict.NO_DATA, f"{what} has no values of the {'baseline' if canary else 'canary'}")
    if min(len(canary), len(baseline)) < LEAST_VALUES:
        text = f"{what}: {len(canary)} and {len(baseline)} values; {LEAST_VALUES} of each are needed"
        return Judgement(GuardVerdict.INCONCLUSIVE, text)
    ranks = compare_ranks(canary, baseline)
    chance, p = (1 - ranks.chance, ranks.p_under) if fewer else (ranks.chance, ranks.p_over)
    text = f"{what}: {chance:.0%} of pairs are worse in the canary, p = {p:.3f}"
    verdict = GuardVerdict.FAIL if p < alpha and chance >= CLEARLY else GuardVerdict.PASS
    return Judgement(verdict, text, {"chance": chance, "p": p})


def _beyond(value: float, above: float | None, below: float | None) -> GuardVerdict:
    over = above is not None and value > above
    return GuardVerdict.FAIL if over or (below is not None and value < below) else GuardVerdict.PASS


def _bounds(above: float | None, below: float | None) -> str:
    named = (("at most", above), ("at least", below))
    return " and ".join(f"{word} {bound:.2%}" for word, bound in named if bound is not None)


def _times(log_e: float) -> str:
    return f"{math.exp(log_e):.3g}x" if log_e < math.log(1e6) else "over 1e6x"


def _total(counts: Iterable[Counts]) -> Counts:
    bad = total = 0.0
    for each in counts:
        bad, total = bad + each.bad, total + each.total
    return Counts(bad, total)
