"""What a push of rule groups would change: groups wanted against groups there, as unified diffs. No network."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from burnline.slo.compiler.yaml import dump
from burnline.spec.units import format_duration, parse_duration

RuleGroup = Mapping[str, Any]

OURS = "burnline/"  # how the names of our groups begin; all others belong to somebody else
EMPTY: tuple[Any, ...] = (None, "", 0, [], {}, "0s")
DURATIONS = ("interval", "for", "keep_firing_for", "query_offset", "evaluation_delay")


class Kind(StrEnum):
    """What happens to a group or a file."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Change:
    """One group (or file) and what becomes of it: its text before and after, where that differs."""

    name: str
    kind: Kind
    before: str | None = None
    after: str | None = None

    @property
    def diff(self) -> str:
        """The unified diff; empty when it stays as it is."""
        old, new = ((text or "").splitlines() for text in (self.before, self.after))
        here, there = (self.name if text is not None else "/dev/null" for text in (self.before, self.after))
        return "\n".join(difflib.unified_diff(old, new, here, there, lineterm=""))


def plan_groups(wanted: Sequence[RuleGroup], present: Iterable[RuleGroup]) -> tuple[Change, ...]:
    """What makes our groups of a namespace those that are wanted: in the order wanted, then the removals.

    Groups whose name does not begin with `burnline/` are left out: they are not ours.

    >>> plan_groups([{"name": "burnline/a", "interval": "1m"}], [{"name": "burnline/a", "interval": "60s"}])
    (Change(name='burnline/a', kind=<Kind.SAME: 'same'>, before=None, after=None),)
    """
    there = {str(group["name"]): _plain(group) for group in present if str(group["name"]).startswith(OURS)}
    want = {str(group["name"]): _plain(group) for group in wanted}
    same = {name for name, group in want.items() if there.get(name) == group}
    texts = ({name: dump(group) for name, group in groups.items() if name not in same} for groups in (want, there))
    differing = {change.name: change for change in changes(*texts)}
    unchanged = {name: Change(name, Kind.SAME) for name in same}
    return tuple((unchanged | differing)[name] for name in [*want, *sorted(there.keys() - want.keys())])


def changes(wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Change]:
    """From texts by name to texts by name."""
    for name, text in wanted.items():
        old = there.get(name)
        kind = Kind.ADD if old is None else Kind.CHANGE
        yield Change(name, Kind.SAME) if old == text else Change(name, kind, old, text)
    for name in sorted(there.keys() - wanted.keys()):
        yield Change(name, Kind.REMOVE, there[name])


def _plain(value: Any, key: str = "") -> Any:
    """A group in one fixed form: keys sorted, durations as we write them, values as text, empty ones left out.

    A ruler gives back what it was sent in a form of its own: 60s as 1m, labels in another order, defaults filled in.
    """
    if isinstance(value, Mapping):
        pairs = ((str(name), _plain(item, str(name))) for name, item in value.items() if item not in EMPTY)
        return {name: item for name, item in sorted(pairs, key=_order) if item not in EMPTY}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    text = str(value).strip()
    return _duration(text) if key in DURATIONS else text


def _order(pair: tuple[str, Any]) -> tuple[bool, str]:
    """Rules last: what stands before them is short."""
    return isinstance(pair[1], list), pair[0]


def _duration(text: str) -> str:
    try:
        return format_duration(parse_duration(text))
    except ValueError:
        return text
