"""The Helm hook: `helm rollback RELEASE REVISION --wait`, as an argument list.

A rollback makes a new revision that holds an old one's manifests, described as "Rollback to 3". The state of a release
is the revision whose manifests it runs: "3" after such a rollback, whatever its own number is, so that a repeat finds
the change made. A rollback that failed left the release where it was, and is tried again. Helm has no place for an
idempotency key: the state that is compared does its work.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, TypeAdapter, ValidationError

from burnline.errors import ActionError, InDoubt, Moved
from burnline.runbooks.actions.contract import PREVIOUS, Plan, first_flaw
from burnline.runbooks.actions.previous import way_back
from burnline.runbooks.actions.process import Exit, last_line, run_program
from burnline.spec.hooks import HelmHookSpec
from burnline.spec.words import choice, shown

READ_TIMEOUT = timedelta(seconds=30)
OPERATIONS = 3  # Helm's --timeout is for each: hooks before, the wait, hooks after
GRACE = timedelta(seconds=15)  # Helm ends by its own --timeout first, and so leaves no release pending
MOST_REVISIONS = "100"
SERVED = ("deployed", "superseded")
ROLLED_BACK = re.compile(r"Rollback to ([1-9][0-9]{0,8})")
NOT_ROLLED_BACK = re.compile(r'(Rollback|Release) "[^"]*" failed')  # how Helm describes a rollback that failed
FLUX = "helm.toolkit.fluxcd.io/name"  # a label that Flux puts on all that its HelmReleases make


class Revision(BaseModel):
    """One line of `helm history`; only what the hook reads."""

    revision: int
    updated: Annotated[AwareDatetime | None, BeforeValidator(lambda moment: moment or None)] = None
    status: str
    description: str = ""


class HelmHook:
    """Rolls a release back. Idempotent: the revision is named, and looked for first."""

    kind = "helm"
    idempotent = True

    def __init__(self, spec: HelmHookSpec) -> None:
        self._spec = spec
        context = f"{spec.context}/" if spec.context else ""
        self.target = f"{context}{spec.namespace}/{spec.release}"

    def observe(self) -> str:
        """The revision whose manifests the release runs."""
        return _content(self._history())

    def changed_at(self) -> datetime | None:
        """When the last revision was made."""
        updated = self._history()[-1].updated
        return updated.astimezone(UTC) if updated else None

    def plan(self, target: str) -> Plan:
        """Which revision would serve. Raises: ActionError, permanent when Flux owns the release or none is before."""
        history = self._history()
        current = _content(history)
        to = _before(history) if target == PREVIOUS else target
        if to is None:
            raise self._error(f"Helm knows no revision that served before {current}")
        self._known(history, to)
        if FLUX in self._read("get", "manifest", self._spec.release):
            raise self._error("Flux owns it and would put it back; roll back in its git repository")
        return Plan(self.kind, self.target, current, to)

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Roll back to `target` if `before` serves, and wait until it is up. Raises: ActionError, InDoubt."""
        history = self._history()
        current = _content(history)
        if current == target and history[-1].status == "deployed":
            return False
        self._known(history, target)
        if before not in (None, current) and current != target:
            raise Moved(f"Helm release {self.target} was moved to {current} by another hand")
        wait = f"{self._spec.timeout.total_seconds():g}s"
        arguments = ("rollback", self._spec.release, target, "--wait", f"--timeout={wait}")
        self._run(*arguments, timeout=OPERATIONS * self._spec.timeout + GRACE)
        return True

    def verify(self, target: str) -> bool:
        """Whether the release runs that revision's manifests, and Helm calls it deployed."""
        history = self._history()
        return _content(history) == target and history[-1].status == "deployed"

    def _history(self) -> Sequence[Revision]:
        """Every revision, oldest first. Raises: ActionError; it may pass while another change is under way."""
        printed = self._read("history", self._spec.release, "--output=json", f"--max={MOST_REVISIONS}")
        try:
            found = TypeAdapter(list[Revision]).validate_json(printed)
        except ValidationError as error:
            raise self._error(f"helm history printed what cannot be used: {first_flaw(error)}") from error
        if not found:
            raise self._error("Helm knows no revision of it")
        history = sorted(found, key=lambda each: each.revision)
        status = history[-1].status
        if status.startswith("pending-"):
            words = f"{status}: another change is under way, or was cut off and must be mended"
            raise self._error(words, permanent=False)
        if status.startswith("uninstall"):
            raise self._error(f"is {status}")
        return history

    def _known(self, history: Sequence[Revision], target: str) -> None:
        there = [str(each.revision) for each in history if each.status in SERVED]
        if target not in there:
            words = choice(there) if there else "none"
            raise self._error(f"has no revision {shown(target)} that served; there are {words}")

    def _read(self, *arguments: str) -> str:
        """What helm prints, where nothing is changed."""
        try:
            return self._run(*arguments).output
        except InDoubt as error:
            raise ActionError(str(error), permanent=False) from error

    def _run(self, *arguments: str, timeout: timedelta | None = None) -> Exit:
        where = [f"--namespace={self._spec.namespace}"]
        where += [f"--kube-context={self._spec.context}"] if self._spec.context else []
        environment = {name: os.environ[name] for name in self._spec.env if name in os.environ}
        ended = run_program(
            [self._spec.helm, *arguments, *where], stdin=b"", environment=environment, timeout=timeout or READ_TIMEOUT
        )
        if ended.code == 0:
            return ended
        said = last_line(ended)
        raise self._error(f"helm {arguments[0]} {ended.how}: {said!r}", permanent="not found" in said)

    def _error(self, words: str, *, permanent: bool = True) -> ActionError:
        return ActionError(f"Helm release {self.target}: {words}", permanent=permanent)


def _content(history: Sequence[Revision]) -> str:
    """The revision whose manifests the last one holds."""
    return _contents(history)[-1]


def _contents(history: Sequence[Revision]) -> Sequence[str]:
    """For each revision, the one whose manifests it holds: its own number, unless it is a rollback."""
    held: dict[int, str] = {}
    last = ""
    for each in history:
        if back := ROLLED_BACK.fullmatch(each.description.strip()):
            last = held.get(int(back[1]), back[1])
        elif not (last and each.status == "failed" and NOT_ROLLED_BACK.match(each.description)):
            last = str(each.revision)
        held[each.revision] = last
    return list(held.values())


def _before(history: Sequence[Revision]) -> str | None:
    """What served before what runs now; a revision that failed never served, unless it is the one to get away from."""
    contents = _contents(history)
    served = [
        content for each, content in zip(history, contents, strict=True) if each.status in SERVED or each is history[-1]
    ]
    return way_back(served)
