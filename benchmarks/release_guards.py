"""How often rules for canaries stop a good release, and how soon they find a bad one.

    python benchmarks/release_guards.py [trials]

30 looks of 100 canary and 900 baseline requests each, at a base error share of 1 %.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from burnline.events import Counts
from burnline.runbooks.releases.evidence import Block, evidence_of
from burnline.runbooks.releases.judge import ALPHA

LOOKS, CANARY, BASELINE, BASE = 30, 100, 900, 0.01
HISTORY = Counts(540, 54_000)  # an hour of the service before the release
Trial = list[Block]
Rule = Callable[[Trial], int | None]  # the look at which it stops


def main(trials: int) -> None:
    rng = np.random.default_rng(20261126)
    worlds = {factor: _world(rng, factor, trials) for factor in (1, 2, 3, 10)}
    print(f"{trials} trials, {LOOKS} looks of {CANARY} + {BASELINE} requests, {BASE:.0%} errors in the baseline")
    print(
        "".join(
            ["rule".ljust(40), *(each.rjust(14) for each in ("false abort", "2x (look)", "3x (look)", "10x (look)"))]
        )
    )
    for name, rule in RULES.items():
        stopped = {factor: [rule(trial) for trial in world] for factor, world in worlds.items()}
        found = [f"{_share(stopped[1]):.1%}", *(_found(stopped[factor]) for factor in (2, 3, 10))]
        print("".join([name.ljust(40), *(each.rjust(14) for each in found)]))


def _world(rng: np.random.Generator, factor: float, trials: int) -> list[Trial]:
    canary = rng.binomial(CANARY, BASE * factor, (trials, LOOKS))
    baseline = rng.binomial(BASELINE, BASE, (trials, LOOKS))
    return [_trial(c, b) for c, b in zip(canary, baseline, strict=True)]


def _trial(canary: npt.NDArray[np.int64], baseline: npt.NDArray[np.int64]) -> Trial:
    return [Block(Counts(float(c), CANARY), Counts(float(b), BASELINE)) for c, b in zip(canary, baseline, strict=True)]


def _share(stopped: list[int | None]) -> float:
    return sum(look is not None for look in stopped) / len(stopped)


def _found(stopped: list[int | None]) -> str:
    looks = [look or LOOKS + 1 for look in stopped]
    return f"{_share(stopped):.0%} ({np.median(looks):.0f})"


def interval_over(limit: int) -> Rule:
    """More than `limit` intervals with over 2 % errors, as a metric of Argo Rollouts with `failureLimit`."""

    def rule(trial: Trial) -> int | None:
        failed = 0
        for look, block in enumerate(trial, 1):
            failed += block.canary.bad / block.canary.total > 0.02
            if failed > limit:
                return look
        return None

    return rule


def z_test(p: float) -> Rule:
    """A two-proportion z-test (one-sided, pooled) of all events so far, at every look."""

    def rule(trial: Trial) -> int | None:
        bad = [0.0, 0.0]
        for look, block in enumerate(trial, 1):
            bad = [bad[0] + block.canary.bad, bad[1] + block.baseline.bad]
            if _p_value(bad[0], look * CANARY, bad[1], look * BASELINE) < p:
                return look
        return None

    return rule


def _p_value(a: float, n: int, b: float, m: int) -> float:
    pooled = (a + b) / (n + m)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 1.0 if spread == 0 else 0.5 * math.erfc((a / n - b / m) / spread / math.sqrt(2))


def bayes_factor(limit: float) -> Rule:
    """Two shares against one of all events so far, uniform priors, counted only while the canary's share is higher."""

    def rule(trial: Trial) -> int | None:
        a = b = 0.0
        for look, block in enumerate(trial, 1):
            a, b = a + block.canary.bad, b + block.baseline.bad
            n, m = look * CANARY, look * BASELINE
            factor = _log_beta(a, n) + _log_beta(b, m) - _log_beta(a + b, n + m)
            if factor >= math.log(limit) and a / n > b / m:
                return look
        return None

    return rule


def _log_beta(bad: float, total: float) -> float:
    return math.lgamma(bad + 1) + math.lgamma(total - bad + 1) - math.lgamma(total + 2)


def sequential(history: Counts) -> Rule:
    """burnline's sequential guard."""

    def rule(trial: Trial) -> int | None:
        if evidence_of(trial, history=history).highest < -math.log(ALPHA):
            return None
        looks = range(1, LOOKS + 1)
        return next(n for n in looks if evidence_of(trial[:n], history=history).highest >= -math.log(ALPHA))

    return rule


RULES: dict[str, Rule] = {
    "interval over 2 %, limit 0": interval_over(0),
    "interval over 2 %, limit 3": interval_over(3),
    "z-test, p < 0.05 at every look": z_test(0.05),
    "z-test, Bonferroni over 30 looks": z_test(0.05 / LOOKS),
    "Bayes factor of 20 at every look": bayes_factor(20),
    "sequential guard, an hour of history": sequential(HISTORY),
    "sequential guard, no history": sequential(Counts(0, 0)),
}

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
