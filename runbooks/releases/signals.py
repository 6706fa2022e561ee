"""What a guard reads of a signal: the findings on the events of the version that is released.

Events name their version themselves. Where those of a service do not, a signal is read of all events together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from burnline.events import Finding, Verdict
from burnline.runbooks.releases.plan import ReleasePlan
from burnline.spec.release import GuardSpec
from burnline.store.database import Database
from burnline.store.parts import SHADOW, VERSION, WHOLE, beside, shadow_part, version_part
from burnline.store.rollouts import Rollout
from burnline.store.signals import findings_between, latest_findings, latest_parts


def read_signal(
    db: Database, plan: ReleasePlan, guard: GuardSpec, of: Rollout, last: Mapping[str, Any]
) -> dict[str, Any]:
    """A score and the part it is of, or for a sequential guard the [bad, total] of each side.

    Only windows that closed since the release began count. `last`: the block of the look before. `alarm`: the newest
    window is in alarm and too small for a score; the score is the one that this alarm had before, None without one.
    """
    own = shadow_part(of.version) if plan.release.strategy == "shadow" else version_part(of.version)
    with db.read() as tx:
        if guard.kind == "sequential":
            return _both(tx, guard, of, own, last)
        parts = {found.part: found for found in latest_parts(tx, of.service, guard.signal or "", of.started_at)}
        if guard.kind == "compared":
            found = parts.get(beside(own))
        elif any(part.startswith((f"{VERSION}=", f"{SHADOW}=")) for part in parts):
            found = parts.get(own)
        else:
            found = next((each for each in latest_findings(tx, of.service) if each.signal == guard.signal), None)
        if found is None or found.verdict is Verdict.NO_DATA or found.window_end <= of.started_at:
            return {"score": None}
        score = _held(tx, found, of.started_at) if found.score is None else found.score
    held = found.score is None
    return {"score": score, "of": found.part, "reason": found.reason} | ({"alarm": True} if held else {})


def _held(tx: Connection, found: Finding, since: datetime) -> float | None:
    """Of an alarm that goes on in a window too small for a score, the newest score it had since then."""
    before = findings_between(tx, found.service, found.signal, since, found.window_start, found.part)
    for each in reversed(before):
        if each.verdict is Verdict.OK:
            return None
        if each.score is not None:
            return each.score
    return None


def _both(tx: Connection, guard: GuardSpec, of: Rollout, own: str, last: Mapping[str, Any]) -> dict[str, Any]:
    """The events of the windows that closed since the look before, of which both sides saw the same."""
    since = datetime.fromisoformat(last["until"]) if last.get("until") else of.started_at
    other = WHOLE if own == shadow_part(of.version) else version_part(of.previous)

    def read(part: str) -> list[Finding]:
        return findings_between(
            tx, of.service, guard.signal or "", since, datetime.max.replace(tzinfo=since.tzinfo), part
        )

    whole = read(WHOLE)
    canary, baseline = read(own), read(other) if other != own else []
    until = max((found.window_end for found in whole), default=since)
    return {"canary": _events(canary), "baseline": _events(baseline), "until": until.isoformat()}


def _events(findings: Iterable[Finding]) -> list[float] | None:
    counts = [found.counts for found in findings if found.verdict is not Verdict.NO_DATA]
    return [sum(each.bad for each in counts), sum(each.total for each in counts)] if counts else None
