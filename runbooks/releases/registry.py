"""What people and CI systems ask of a release: start it, promote it, abort it. Every refusal says what is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from burnline.errors import ActionError, DecisionRefused
from burnline.events import GuardVerdict, ReleaseState
from burnline.runbooks.approvals import plain_name, refuse_nobody
from burnline.runbooks.releases import acting
from burnline.runbooks.releases.plan import ReleasePlan, digest_of, plan_of, read_plan
from burnline.runbooks.releases.transitions import abort_now, enter_step, promote_now
from burnline.spec.service import ServiceSpec
from burnline.store import rollouts
from burnline.store.database import Database
from burnline.store.releases import serving_version
from burnline.store.rollouts import Rollout

LINEAGE = ("commit", "data", "environment", "seeds", "metrics")
ALLOWED, APPROVAL, FROZEN = "allowed", "approval", "frozen"
MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """What the error-budget policy of a service says of releases now, and why."""

    releases: str = ALLOWED
    because: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """A release that somebody wants to begin.

    Attributes:
        previous: the version to go back to; empty is the one that serves.
        lineage: `commit`, `data` (a snapshot), `environment` (the digest of its lock file), `seeds`, `metrics` of its
            evaluation, and whatever else shall be on record.
        approved_by: another person who said yes.
        override: why the release goes on although the error budget forbids it; on record with the name of `by`.
    """

    service: str
    version: str
    by: str
    previous: str = ""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    approved_by: str = ""
    override: str = ""


class Registry:
    """Takes the wishes of people; the worker does the rest.

    Args:
        standing: what the error-budget policy of a service says now.
        observe: which version of a service serves, by its hook; raises ActionError.
    """

    def __init__(
        self,
        db: Database,
        specs: Sequence[ServiceSpec],
        books: acting.RunbookSource,
        *,
        standing: Callable[[str], Standing],
        observe: Callable[[ServiceSpec], str | None],
    ) -> None:
        self._db = db
        self._specs = {spec.service: spec for spec in specs}
        self._books = books
        self._standing = standing
        self._observe = observe

    def start(self, wish: Start, now: datetime) -> Rollout:
        """Begin a release; the same one sent again is the one that is under way.

        Raises: DecisionRefused in words when it may not begin.
        """
        spec = self._spec(wish.service)
        refuse_nobody(wish.by)
        _check_text("version", wish.version)
        _check_reason(wish.override)
        plan = plan_of(spec)
        missing = [name for name in LINEAGE if wish.lineage.get(name) in (None, "", [], {})]
        if plan.release.lineage == "required" and missing:
            raise DecisionRefused(f"{wish.service} wants the whole lineage on record; missing: {', '.join(missing)}")
        self._allow(wish.service, wish.by, wish.approved_by, wish.override)
        previous = wish.previous or self._serving(spec)
        _check_previous(plan, wish, previous)
        return self._begin(spec, plan, replace(wish, previous=previous), missing, now)

    def promote(
        self, rollout_id: int, *, by: str, reason: str = "", approved_by: str = "", override: str = "", now: datetime
    ) -> Rollout:
        """Give the new version everything now, without waiting for the rest of its steps.

        Raises: DecisionRefused when it is over or acted for, when a guard is not content and no reason is given, or
        when the error-budget policy forbids it.
        """
        refuse_nobody(by)
        _check_reason(reason, override)
        with self._db.read() as tx:
            self._allow(_under_way(tx, rollout_id).service, by, approved_by, override)

        def work(tx: Connection) -> Rollout:
            of = _under_way(tx, rollout_id)
            unhappy = [look for look in rollouts.newest_looks(tx, of) if look.verdict is not GuardVerdict.PASS]
            if unhappy and not reason:
                texts = "; ".join(f"{look.text}: {look.verdict}" for look in unhappy)
                raise DecisionRefused(f"give a reason to promote it all the same: {texts}")
            text = f"{by} promotes it" + (f": {reason}" if reason else "")
            _note_decision(tx, of, "release_promote_asked", text, by, approved_by, override, now)
            return promote_now(tx, self._books, of, read_plan(of.plan), text, now)

        return self._db.write(work)

    def abort(self, rollout_id: int, *, by: str, reason: str = "", now: datetime) -> Rollout:
        """Take the new version back, also one that could not be taken back before.

        Raises: DecisionRefused when it is over, or being taken back already.
        """
        refuse_nobody(by)
        _check_reason(reason)

        def work(tx: Connection) -> Rollout:
            of = _failed_last(tx, rollout_id) or _under_way(tx, rollout_id, but_not=(ReleaseState.ABORTING,))
            text = f"{by} takes it back" + (f": {reason}" if reason else "")
            rollouts.say(tx, of, "release_abort_asked", text, now=now, actor=by)
            return abort_now(tx, self._books, of, text, now)

        return self._db.write(work)

    def _spec(self, service: str) -> ServiceSpec:
        spec = self._specs.get(service)
        if spec is None or spec.release is None:
            known = sorted(name for name, each in self._specs.items() if each.release)
            there = f"these have: {', '.join(known)}" if known else "none has"
            raise DecisionRefused(f"{service[:MAX_TEXT]!r} has no service file with a `release`; {there}")
        return spec

    def _allow(self, service: str, by: str, approved_by: str, override: str) -> None:
        """Raises: DecisionRefused when the error-budget policy stands against it."""
        standing = self._standing(service)
        because = "; ".join(standing.because)
        if standing.releases == FROZEN and not override:
            raise DecisionRefused(f"releases of {service} are frozen: {because}. Say why in `override` to go on")
        if standing.releases == APPROVAL and not approved_by:
            raise DecisionRefused(f"releases of {service} need another person: {because}. Name them in `approved_by`")
        if approved_by:
            refuse_nobody(approved_by)
            if plain_name(approved_by) == plain_name(by):
                raise DecisionRefused(f"{by} cannot approve their own release")

    def _serving(self, spec: ServiceSpec) -> str:
        """By the hook; where it cannot tell, what was seen last."""
        try:
            observed = self._observe(spec)
        except ActionError:
            observed = None
        if observed:
            return observed
        with self._db.read() as tx:
            return serving_version(tx, spec.service)

    def _begin(
        self, spec: ServiceSpec, plan: ReleasePlan, wish: Start, missing: Sequence[str], now: datetime
    ) -> Rollout:
        flagged = list(missing) if plan.release.lineage != "off" else []
        values = {
            "service": wish.service,
            "version": wish.version,
            "previous": wish.previous,
            "started_by": wish.by,
            "approved_by": wish.approved_by,
            "lineage": dict(wish.lineage),
            "missing": flagged,
            "plan": plan.as_json(),
            "digest": digest_of(plan),
            "state": ReleaseState.BAKING,
            "step": 0,
            "note": "",
            "history": {},
        }

        def work(tx: Connection) -> Rollout:
            last = rollouts.latest_rollout(tx, wish.service)
            if last is not None and last.finished_at is None:
                return _same(last, wish)
            title = f"release of {wish.version} (was {wish.previous or 'not known'})"
            try:
                with tx.begin_nested():
                    begun = rollouts.start_rollout(tx, values, title=title, now=now)
            except IntegrityError as error:
                raise DecisionRefused(f"another release of {wish.service} has just begun") from error
            _note_start(tx, begun, wish, now)
            return enter_step(tx, self._books, begun, plan, 0, now)

        return self._db.write(work)


def _under_way(
    tx: Connection,
    rollout_id: int,
    but_not: Sequence[ReleaseState] = (ReleaseState.ABORTING, ReleaseState.PROMOTING, ReleaseState.MOVING),
) -> Rollout:
    """Raises: DecisionRefused for one that is not there, over, or in one of these states."""
    of = rollouts.get_rollout(tx, rollout_id)
    if of is None:
        raise DecisionRefused(f"there is no release {rollout_id}")
    if of.finished_at is not None or of.state in but_not:
        raise DecisionRefused(f"release {rollout_id} of {of.service} is {of.state} already: {of.note}".rstrip(": "))
    return of


def _failed_last(tx: Connection, rollout_id: int) -> Rollout | None:
    """The newest release of a service when it could not be taken back: as under way again. None for any other."""
    of = rollouts.get_rollout(tx, rollout_id)
    newest = of is not None and rollouts.latest_rollout(tx, of.service) == of
    return replace(of, finished_at=None) if of is not None and newest and of.state is ReleaseState.FAILED else None


def _same(last: Rollout, wish: Start) -> Rollout:
    """A CI system sends its webhook again when no answer came. Raises: DecisionRefused when it is another release."""
    if (last.version, last.started_by, dict(last.lineage)) == (wish.version, wish.by, dict(wish.lineage)):
        return last
    raise DecisionRefused(
        f"release {last.id} of {last.service} to {last.version} is under way ({last.state}): promote or abort it first"
    )


def _note_start(tx: Connection, begun: Rollout, wish: Start, now: datetime) -> None:
    text = f"{wish.by} releases {wish.version} of {wish.service}, from {wish.previous or 'a version that is not known'}"
    if begun.missing:
        text += f"; its lineage lacks {', '.join(begun.missing)}"
    data = {"digest": begun.digest, "lineage": dict(wish.lineage), "missing": list(begun.missing)}
    rollouts.say(tx, begun, "release_started", text, now=now, actor=wish.by, **data)
    _note_consent(tx, begun, wish.by, wish.approved_by, wish.override, now)


def _note_decision(
    tx: Connection, of: Rollout, type_: str, text: str, by: str, approved_by: str, override: str, now: datetime
) -> None:
    rollouts.say(tx, of, type_, text, now=now, actor=by)
    _note_consent(tx, of, by, approved_by, override, now)


def _note_consent(tx: Connection, of: Rollout, by: str, approved_by: str, override: str, now: datetime) -> None:
    if approved_by:
        rollouts.say(tx, of, "release_approved", f"{approved_by} approves it", now=now, actor=approved_by)
    if override:
        text = f"{by} goes on although the error budget forbids it: {override}"
        rollouts.say(tx, of, rollouts.OVERRIDE, text, now=now, actor=by)


def _check_text(name: str, value: str) -> None:
    if not value or len(value) > MAX_TEXT or not value.isprintable() or value != value.strip():
        raise DecisionRefused(
            f"`{name}` is text of 1 to {MAX_TEXT} characters that can be printed, without space around"
        )


def _check_reason(*reasons: str) -> None:
    for reason in reasons:
        if len(reason) > 10 * MAX_TEXT or not all(each.isprintable() or each in "\n\r\t" for each in reason):
            raise DecisionRefused(f"a reason is plain text of at most {10 * MAX_TEXT} characters")


def _check_previous(plan: ReleasePlan, wish: Start, previous: str) -> None:
    if previous:
        _check_text("previous", previous)
    if previous == wish.version:
        raise DecisionRefused(f"{wish.version} serves already: name the version before it in `previous`")
    slots = {*(plan.release.baseline or {}).values(), *(plan.release.canary or {}).values()}
    if not previous and "${previous}" in slots:
        raise DecisionRefused("nobody knows which version serves, and guards compare with it: name it in `previous`")
