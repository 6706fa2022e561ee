"""One change of one object: look, compare, write only what was compared, and look again.

Kubernetes has no transaction, so the write itself carries the version that was read; when somebody was quicker the
object is read and compared again. The key and the epoch of a change are written on the object, with the change.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from burnline.errors import ActionError, Moved
from burnline.runbooks.actions.contract import Plan
from burnline.runbooks.actions.kubernetes.client import ApiError, Conflict
from burnline.runbooks.actions.kubernetes.gitops import gitops_owner, helm_release, other_owner
from burnline.runbooks.actions.kubernetes.objects import Meta, Object
from burnline.spec.kubernetes import OnCluster
from burnline.spec.words import shown

TRIES = 8  # reads and writes of one change while others change the object too
LOOK_SECONDS = 0.5
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a dry run changes something
KEY, EPOCH, AT, STATE = (f"burnline.dev/{name}" for name in ("key", "epoch", "at", "state"))

Found = TypeVar("Found", bound=Object)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed and by whom; `dry_run`: nothing is kept, and so nothing is noted."""

    to: str
    before: str | None
    key: str
    epoch: int
    at: datetime
    dry_run: bool = False

    def notes(self) -> Mapping[str, str | None]:
        """The annotations that say who made the change."""
        at = self.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {KEY: self.key, EPOCH: str(self.epoch), AT: at, STATE: self.to}


class Thing(Protocol[Found]):
    """One object of a cluster and the part of it that a hook changes."""

    @property
    def name(self) -> str:
        """As people read it: `deployments/prod/fraud`."""
        ...

    def read(self) -> Found:
        """The object now. Raises: ActionError."""
        ...

    def state(self, found: Found) -> str:
        """Its state, absolute and stable: what `before` and `to` are compared with. Raises: ActionError."""
        ...

    def resolve(self, found: Found, to: str) -> str:
        """The absolute state that `to` stands for. Raises: ActionError (permanent) when it cannot be had."""
        ...

    def refuse(self, found: Found) -> None:
        """Raises: ActionError (permanent) when the object may not be changed now, and why."""
        ...

    def write(self, found: Found, change: Change) -> None:
        """Make `change.to` the state, if nobody changed it since. Raises: Conflict, ActionError, InDoubt."""
        ...

    def followed(self, found: Found) -> bool:
        """Whether the cluster follows the state that is wanted, as far as its status shows."""
        ...

    def changed_at(self, found: Found) -> datetime | None:
        """When the state last changed, if the object tells."""
        ...


class ClusterHook(Generic[Found]):
    """A hook on one object. Idempotent: the state is compared before it is written, and written only as compared."""

    idempotent = True

    def __init__(self, kind: str, thing: Thing[Found], *, target: str, wait_seconds: float) -> None:
        self.kind = kind
        self.target = target
        self._thing = thing
        self._wait_seconds = wait_seconds

    def observe(self) -> str:
        """The state now."""
        return self._thing.state(self._thing.read())

    def changed_at(self) -> datetime | None:
        """When it last changed, if the object tells."""
        return self._thing.changed_at(self._thing.read())

    def plan(self, target: str) -> Plan:
        """The change, with an absolute state; the API server is asked whether it would take it."""
        found = self._thing.read()
        now, to = self._thing.state(found), self._thing.resolve(found, target)
        self._thing.refuse(found)
        if to != now:
            rehearse(lambda change: self._thing.write(found, change), to, now)
        return Plan(self.kind, self.target, now, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Make `target` the state in place of `before`. Raises: Moved, ActionError, InDoubt."""
        change = Change(target, before, idempotency_key, epoch, at)
        last: tuple[str, int] | None = None
        refused = ""
        for _ in range(TRIES):
            found = self._thing.read()
            if (now := self._thing.state(found)) == target:
                return False
            if last == (found.metadata.resourceVersion, 422):  # nobody changed it: the change itself is wrong
                raise ActionError(refused, permanent=True)
            refuse_old(self._thing.name, found.metadata, change)
            refuse_moved(self._thing.name, now, found.metadata, change)
            if (absolute := self._thing.resolve(found, target)) != target:
                raise ActionError(f"{self._thing.name}: {shown(target)} was not planned as {absolute}", permanent=True)
            self._thing.refuse(found)
            try:
                self._thing.write(found, change)
            except Conflict as error:
                last, refused = (found.metadata.resourceVersion, error.status), str(error)
                continue
            return True
        raise ActionError(f"{self._thing.name} was changed by others at each of {TRIES} tries", permanent=False)

    def verify(self, target: str) -> bool:
        """Whether the cluster is at `target`; it is given a while to follow."""
        until = time.monotonic() + self._wait_seconds
        while self._thing.state(found := self._thing.read()) == target:
            if self._thing.followed(found):
                return True
            if (left := until - time.monotonic()) <= 0:
                return False
            time.sleep(min(LOOK_SECONDS, left))
        return False


def rehearse(write: Callable[[Change], None], to: str, before: str | None) -> None:
    """Ask the API server by a dry run whether it would take a change. Raises: ActionError when it would not."""
    try:
        write(Change(to, before, "", 0, NEVER, dry_run=True))
    except Conflict:
        return  # it moves; `apply` will look again
    except ApiError as error:
        if not (error.status == 400 and "dry run" in str(error)):  # an admission webhook that knows no dry run
            raise


def refuse_old(name: str, meta: Meta, change: Change) -> None:
    """Raises: ActionError when a newer worker of the same run has written here."""
    epoch = meta.annotations.get(EPOCH, "")
    if meta.annotations.get(KEY) == change.key and epoch.isdecimal() and int(epoch) > change.epoch:
        raise ActionError(f"{name}: worker {epoch} of this run has taken over from {change.epoch}", permanent=True)


def refuse_moved(name: str, now: str, meta: Meta, change: Change) -> None:
    """Raises: Moved when the state is another than planned, or this very change was made and then undone."""
    if change.before not in (None, now) or meta.annotations.get(KEY) == change.key:
        raise Moved(f"{name} was moved to {shown(now)} by another hand")


def refuse_owned(name: str, meta: Meta, spec: OnCluster, *, helm: bool) -> None:
    """Raises: ActionError when others keep the object as they have it; `helm`: Helm counts as one of them."""
    if spec.gitops == "ignore":
        return
    if owner := gitops_owner(meta) or other_owner(meta):
        raise ActionError(
            f"{name} is owned by {owner}, which would put it back: change it there, or write `gitops: ignore`",
            permanent=True,
        )
    if helm and (release := helm_release(meta)):
        raise ActionError(
            f"{name} belongs to the Helm release {release}, which would not know: use the hook helm, or write "
            "`gitops: ignore`",
            permanent=True,
        )


def noted_at(meta: Meta, now: str) -> datetime | None:
    """When we made the state what it is now; None when it was another hand."""
    if meta.annotations.get(STATE) != now:
        return None
    try:
        return datetime.fromisoformat(meta.annotations.get(AT, ""))
    except ValueError:
        return None
