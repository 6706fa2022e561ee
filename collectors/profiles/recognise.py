"""Which engines a page is of, by the metrics that are on it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from burnline.collectors.profiles.load import all_profiles
from burnline.collectors.profiles.model import Profile

_TYPED = re.compile(r"# TYPE[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]+([a-z]{1,20})")
_NAME = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)")
_OF_HISTOGRAM = re.compile(r"_(?:bucket|count|sum)$")
UNTYPED = "untyped"


@dataclass(frozen=True, slots=True)
class Match:
    """One engine that a page may be of, and the metrics that say so."""

    name: str
    profile: Profile
    evidence: tuple[str, ...]

    @property
    def sure(self) -> bool:
        """Whether more than one of its own metrics is there; what many programs show proves little."""
        return len(self.evidence) > 1 and not self.profile.recognise.general


def families(page: str) -> dict[str, str]:
    """The metrics on a page in its order, each with its kind: what `# TYPE` says, `untyped` where nothing does."""
    found: dict[str, str] = {}
    for line in page.split("\n"):
        if line.startswith("#"):
            if typed := _TYPED.match(line):
                found[typed[1]] = typed[2]
        elif (named := _NAME.match(line)) and named[1] not in found:
            family = _OF_HISTOGRAM.sub("", named[1])
            if found.get(family) not in ("histogram", "summary"):
                found[named[1]] = UNTYPED
    return found


def recognise(names: Iterable[str]) -> tuple[Match, ...]:
    """Every engine of which one of the metrics it must have is there; the likeliest first."""
    there = frozenset(names)
    found = {
        name: Match(name, profile, evidence)
        for name, profile in all_profiles().items()
        if _any(profile.recognise.must, there)
        and (evidence := tuple(each for each in (*profile.recognise.must, *profile.recognise.may) if _on(each, there)))
    }
    return tuple(sorted(found.values(), key=lambda match: _rank(match, found)))


def other_engine(profile: Profile, there: Collection[str]) -> tuple[str, ...]:
    """Whose page it is and what to write, when it is surely of another engine than the profile's."""
    matches = recognise(there)
    best = next(iter(matches), None)
    if best is None or not best.sure or any(match.profile == profile and not _vague(match) for match in matches):
        return ()
    return (f"this page is of {best.profile.title} ({', '.join(best.evidence[:3])}): write `profile: {best.name}`",)


def _vague(match: Match) -> bool:
    return match.profile.recognise.general


def _any(names: Iterable[str], there: Collection[str]) -> bool:
    return any(_on(name, there) for name in names)


def _on(name: str, there: Collection[str]) -> bool:
    """OpenMetrics declares a counter without its `_total`."""
    return name in there or name.removesuffix("_total") in there


def _rank(match: Match, found: Mapping[str, Match]) -> tuple[bool, bool, int]:
    inside = any(match.name in other.profile.recognise.over for other in found.values())
    return match.profile.recognise.general, inside, -len(match.evidence)
