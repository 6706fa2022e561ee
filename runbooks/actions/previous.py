"""What `previous` means, from what served in turn."""

from __future__ import annotations

from collections.abc import Sequence


def way_back(served: Sequence[str]) -> str | None:
    """The state before the last one of `served` (oldest first) that was not itself taken back; None without one.

    Going to a state that served before is read as going back, so what was left is never a place to return to: after
    1 -> 2 -> 1 nothing is before 1, and a rollback is never undone by the next one.

    >>> way_back(["1", "2", "1", "3"])
    '1'
    """
    kept: list[str] = []
    for state in served:
        if state in kept:
            del kept[kept.index(state) + 1 :]
        else:
            kept.append(state)
    return kept[-2] if len(kept) > 1 else None
