"""The error-budget policy: which steps of a service file are in force, and what a release may do.

The steps are those of The Site Reliability Workbook's example policy (appendix B): tell the team early, stop releases
when the budget runs low, ask a person when it is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from burnline.events import SloState, SloStatus
from burnline.spec.service import PolicyStep, ServiceSpec

FREEZE, APPROVAL = "freeze_releases", "require_approval"


class Releases(StrEnum):
    """What a release of the service may do now."""

    ALLOWED = "allowed"
    APPROVAL = "approval"  # a person must say yes
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class StepInForce:
    """One step of the policy that is in force; `because` names each SLO whose budget is that low."""

    do: str
    left: float
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of one service now.

    Attributes:
        steps: those in force, in order of the budget left.
        unknown: SLOs of whose budget nothing is known; they forbid nothing, and promise nothing either.
    """

    releases: Releases
    steps: tuple[StepInForce, ...]
    unknown: tuple[str, ...]

    @property
    def because(self) -> tuple[str, ...]:
        """Every reason, each once."""
        reasons = [reason for step in self.steps for reason in step.because]
        unknown = [f"nothing is known of the budget of {', '.join(self.unknown)}"] if self.unknown else []
        return tuple(dict.fromkeys([*reasons, *unknown]))


def policy_of(spec: ServiceSpec, statuses: Iterable[SloStatus]) -> Policy:
    """What the policy of a service says, by the newest statuses of its SLOs.

    Without a policy releases are allowed. With one, a budget of which nothing is known asks for a person: no data is
    never healthy.
    """
    found = {status.slo: status for status in statuses if status.service == spec.service}
    left = {slo.name: _left(found.get(slo.name)) for slo in spec.slos}
    steps = tuple(
        StepInForce(step.do, step.left, reasons)
        for step in sorted(spec.budget_policy, key=lambda step: step.left)
        if (reasons := _reasons(step, left))
    )
    unknown = tuple(name for name, share in left.items() if share is None) if spec.budget_policy else ()
    return Policy(_releases(steps, unknown), steps, unknown)


def _left(status: SloStatus | None) -> float | None:
    if status is None or (status.state is SloState.UNKNOWN and not status.excluded):
        return None
    return 1.0 if status.budget_remaining is None else status.budget_remaining  # watched, and nothing was spent


def _reasons(step: PolicyStep, left: dict[str, float | None]) -> tuple[str, ...]:
    return tuple(
        f"{name} has {max(share, 0):.1%} of its budget left"
        for name, share in left.items()
        if share is not None and share <= step.left
    )


def _releases(steps: Sequence[StepInForce], unknown: Sequence[str]) -> Releases:
    doing = {step.do for step in steps}
    if FREEZE in doing:
        return Releases.FROZEN
    return Releases.APPROVAL if APPROVAL in doing or unknown else Releases.ALLOWED
