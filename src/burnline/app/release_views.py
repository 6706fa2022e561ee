"""Releases as programs see them: where each stands, what its guards say, what is on its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from burnline.events import GuardVerdict, ReleaseState
from burnline.store import rollouts, timeline
from burnline.store.database import Database
from burnline.store.rollouts import Look, Rollout

# the verdict of several guards is the worst of theirs
WORST_FIRST = (GuardVerdict.FAIL, GuardVerdict.NO_DATA, GuardVerdict.INCONCLUSIVE, GuardVerdict.PASS)


@dataclass(frozen=True, slots=True)
class GuardView:
    """One guard and what it said last. `data`: the numbers behind it."""

    kind: str
    what: str
    on_violation: str
    verdict: GuardVerdict
    text: str
    at: datetime | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """One release in a list. `verdict`: of all its guards together; no_data before the first look."""

    id: int
    service: str
    version: str
    previous: str
    state: ReleaseState
    step: int
    steps: int
    verdict: GuardVerdict
    note: str
    started_by: str
    approved_by: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One line of a release's record; `hash` covers the line before."""

    at: datetime
    actor: str
    type: str
    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """One release with its guards and its record.

    Attributes:
        missing: fields of lineage that were not sent.
        digest: SHA-256 of the guards and steps, on record before the first look.
        incident: under which number its record, and its runs, are found.
        whole: whether the record's chain holds.
    """

    line: ReleaseLine
    lineage: Mapping[str, Any]
    missing: Sequence[str]
    digest: str
    incident: int
    run: int | None
    guards: Sequence[GuardView]
    record: Sequence[RecordLine]
    whole: bool


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What the guards of a service's newest release say. Without a release nothing is known: no_data.

    Attributes:
        value: 1 pass, 0 fail, 0.5 neither: for conditions that compare numbers.
        why: for people.
    """

    service: str
    release: int | None
    version: str
    state: str
    verdict: GuardVerdict
    value: float
    why: str
    guards: Sequence[GuardView]


def lines(db: Database, *, service: str | None, limit: int) -> list[ReleaseLine]:
    """Releases, newest first."""
    with db.read() as tx:
        return [_line(tx, of) for of in rollouts.list_rollouts(tx, service=service, limit=limit)]


def view(db: Database, rollout_id: int) -> ReleaseView | None:
    """One release; None when there is none of that number."""
    with db.read() as tx:
        of = rollouts.get_rollout(tx, rollout_id)
        if of is None:
            return None
        record = timeline.entries(tx, of.incident_id)
        return ReleaseView(
            line=_line(tx, of),
            lineage=of.lineage,
            missing=of.missing,
            digest=of.digest,
            incident=of.incident_id,
            run=of.run_id,
            guards=_guards(of, rollouts.newest_looks(tx, of)),
            record=[RecordLine(each.at, each.actor, each.type, each.text, each.hash) for each in record],
            whole=timeline.first_broken(record) is None,
        )


def verdict(db: Database, service: str, *, version: str = "") -> VerdictView:
    """The verdict on the newest release of a service, if it is of that `version` (of any, without one)."""
    with db.read() as tx:
        of = rollouts.latest_rollout(tx, service)
        if of is None or version not in ("", of.version):
            why = f"no release of {service}{f' to {version}' if version else ''} is on record"
            return VerdictView(service, None, version, "", GuardVerdict.NO_DATA, 0.5, why, ())
        guards = _guards(of, rollouts.newest_looks(tx, of))
    said = _together(of, [each.verdict for each in guards])
    value = {GuardVerdict.PASS: 1.0, GuardVerdict.FAIL: 0.0}.get(said, 0.5)
    why = of.note or "; ".join(each.text for each in guards if each.verdict is said) or f"release {of.id} is {of.state}"
    return VerdictView(service, of.id, of.version, of.state, said, value, why, guards)


def _line(tx: Connection, of: Rollout) -> ReleaseLine:
    verdicts = [each.verdict for each in _guards(of, rollouts.newest_looks(tx, of))]
    return ReleaseLine(
        of.id,
        of.service,
        of.version,
        of.previous,
        of.state,
        of.step + 1,
        len(of.plan["release"].get("steps") or (1,)),
        _together(of, verdicts),
        of.note,
        of.started_by,
        of.approved_by,
        of.started_at,
        of.finished_at,
    )


def _together(of: Rollout, verdicts: Sequence[GuardVerdict]) -> GuardVerdict:
    """The worst; a release that is taken back has failed whatever its guards say, one that was promoted has passed."""
    if of.state in (ReleaseState.ABORTING, ReleaseState.ABORTED, ReleaseState.FAILED):
        return GuardVerdict.FAIL
    if of.state is ReleaseState.PROMOTED:
        return GuardVerdict.PASS
    return min(verdicts, key=WORST_FIRST.index, default=GuardVerdict.INCONCLUSIVE)  # no guard said that it is good


def _guards(of: Rollout, looks: Sequence[Look]) -> list[GuardView]:
    """By the plan's own words, which an older burnline may have written."""
    newest = {look.guard: look for look in looks}
    return [_guard(guard, newest.get(index)) for index, guard in enumerate(of.plan["release"].get("guards", ()))]


def _guard(guard: Mapping[str, Any], look: Look | None) -> GuardView:
    what = next((str(guard[name]) for name in ("sli", "signal", "business") if name in guard), "")
    kind, on_violation = str(guard.get("kind", "")), str(guard.get("on_violation", ""))
    if look is None:
        return GuardView(kind, what, on_violation, GuardVerdict.NO_DATA, "not looked yet", None, {})
    return GuardView(kind, what, on_violation, look.verdict, look.text, look.at, look.data)
