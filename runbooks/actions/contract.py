"""What every rollback hook can do: name its target, observe it, plan, apply, verify."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from pydantic import ValidationError

PREVIOUS = "previous"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a hook would do: `target` goes from `from_version` (None: the hook cannot tell) to `to_version`."""

    kind: str
    target: str
    from_version: str | None
    to_version: str

    def __str__(self) -> str:
        return f"{self.kind} {short(self.target)}: {self.from_version or 'what serves now'} -> {self.to_version}"

    def as_json(self) -> Mapping[str, str | None]:
        """Plain data, for the record and for hashing."""
        return asdict(self)


def short(target: str) -> str:
    """A target as people read it: without the folders of a path."""
    return target.rpartition("/")[2] if target.startswith("/") else target


def first_flaw(error: ValidationError) -> str:
    """Where outside data is wrong first, and why: `aliases.champion: Input should be a valid string`."""
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'its top'}: {first['msg']}"


class Hook(Protocol):
    """A way to change which version of a service serves; built from our own service file, never from an alert.

    Every method but the properties may raise ActionError; `apply` may raise InDoubt.
    """

    @property
    def kind(self) -> str:
        """The hook's key in the service file."""
        ...

    @property
    def target(self) -> str:
        """What it changes: the scope of locks and cooldowns."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether `apply` may be sent again with the same key when nobody knows if it took effect."""
        ...

    def observe(self) -> str | None:
        """The version that serves now; None when the hook cannot tell."""
        ...

    def changed_at(self) -> datetime | None:
        """When the version last changed; None when the hook cannot tell."""
        ...

    def plan(self, target: str) -> Plan:
        """What `apply` would do for a version, or for `previous`; changes nothing."""
        ...

    def apply(self, target: str, *, before: str | None, idempotency_key: str, epoch: int, at: datetime) -> bool:
        """Make `target` serve in place of `before`; False when it served already.

        The same key never changes anything twice; `epoch` grows with every new worker. Raises Moved when the hook can
        tell that neither of the two serves; `before` is None when the plan could not tell.
        """
        ...

    def verify(self, target: str) -> bool:
        """Whether `target` serves now, as far as the hook can tell."""
        ...
