"""Percentages of traffic as states: `0` to `100`, whole."""

from __future__ import annotations

import re
from collections.abc import Sequence

from burnline.errors import ActionError
from burnline.spec.words import shown


def percent(name: str, to: str) -> str:
    """A whole percentage in its one writing: `07%` is `7`. Raises: ActionError (permanent)."""
    digits = to.removesuffix("%")
    if not re.fullmatch("[0-9]{1,3}", digits) or int(digits) > 100:
        form = "write a whole percentage from 0 to 100, or previous, which is 0"
        raise ActionError(f"{name}: {shown(to)} is no share of the traffic; {form}", permanent=True)
    return str(int(digits))


def share_of(weights: Sequence[int], at: int) -> str:
    """What part of the traffic one of several weights gets: a percentage, with two decimals where it is not whole."""
    total = sum(weights)
    share = 100 * weights[at] / total if total else 0.0
    return str(round(share)) if abs(share - round(share)) < 0.005 else f"{share:.2f}"


def split(weights: Sequence[int], at: int, share: int) -> list[int]:
    """Weights that add up to 100, of which one gets `share` and the others keep their proportions.

    Raises: ValueError when the others have no weight from which theirs could follow.
    """
    others = sum(weights) - weights[at]
    left = 100 - share
    if left and not others and len(weights) > 2:
        raise ValueError("no other backend gets traffic, and there are several")
    exact = [left * weight / others if others else left / max(1, len(weights) - 1) for weight in weights]
    made = [int(each) for each in exact]
    made[at] = share
    by_rest = sorted((n for n in range(len(weights)) if n != at), key=lambda n: made[n] - exact[n])
    for n in by_rest[: 100 - sum(made)]:  # the largest remainders are rounded up
        made[n] += 1
    return made
