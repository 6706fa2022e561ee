"""Which feature that came is which feature that went, under another name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from itertools import product

ALIKE = 0.6  # of names, where there is a choice
AS_OFTEN = 0.1  # the share of events that have the new one, and of those that lack the old one, differ by less
MOST = 50  # names on either side: each is compared with each


def renamed(gone: Mapping[str, float], come: Mapping[str, float]) -> dict[str, str]:
    """The likely new name of a feature, where there is one.

    Args:
        gone: features and the share of events that lack them.
        come: unknown names and the share of events that have them.

    They must be as frequent, and their names alike, unless one went and one came. The best pair is taken first.

    >>> renamed({"amount": 1.0, "hour": 1.0}, {"amount_eur": 1.0, "device": 1.0})
    {'amount': 'amount_eur'}
    """
    old, new = dict(list(gone.items())[:MOST]), dict(list(come.items())[:MOST])
    alone = len(gone) == len(come) == 1
    pairs = sorted(
        ((alike(a, b), a, b) for a, b in product(old, new) if abs(old[a] - new[b]) < AS_OFTEN),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    found: dict[str, str] = {}
    for likeness, a, b in pairs:
        if (likeness >= ALIKE or alone) and a not in found and b not in found.values():
            found[a] = b
    return found


def alike(a: str, b: str) -> float:
    """From 0 to 1, whatever case and punctuation; one whose words are all in the other is as good as the same.

    >>> alike("customerAge", "customer_age"), alike("amount", "amount_eur"), round(alike("hour", "city"), 2)
    (1.0, 0.9, 0.0)
    """
    left, right = _words(a), _words(b)
    if left == right:
        return 1.0
    if left and right and (set(left) <= set(right) or set(right) <= set(left)):
        return 0.9
    return SequenceMatcher(None, "".join(left), "".join(right), autojunk=False).ratio()


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[^\W_A-Z]+|[A-Z]+(?![^\W_A-Z])", name[:200])] or [name.lower()]
