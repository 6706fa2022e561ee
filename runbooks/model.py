"""A runbook as a team writes it, and as a run binds it to values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from burnline.runbooks.conditions import When
from burnline.runbooks.kinds import Act, Approve, Check, Collect, Escalate, Notify, Text, Verify, Wait
from burnline.runbooks.params import Param, Scalar, substitute
from burnline.spec.binding import AlertName
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name

ParamName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
MAX_ACT_NAME = 58  # a step that takes it back is named after it
SLOTTED = ("preconditions", "cooldown", "budget", "steps")  # the parts in which ${param} is filled


class Retry(Strict):
    """How often a step is tried again after a failure that may pass, and the first pause; each next one is double."""

    times: Annotated[int, Field(ge=0, le=20)] = 3
    pause: Duration = Field(default="2s", validate_default=True)


class Step(Strict):
    """One step: a name and exactly one kind, by its key; done only `when` the condition holds."""

    name: Name
    when: When | None = None
    timeout: Duration = Field(default="2m", validate_default=True)
    retry: Retry = Retry()
    check: Check | None = None
    collect: Collect | None = None
    approve: Approve | None = None
    act: Act | None = None
    wait: Wait | None = None
    verify: Verify | None = None
    notify: Notify | None = None
    escalate: Escalate | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(kinds := [kind for kind in KINDS if kind in self.model_fields_set]) != 1:
            raise ValueError(f"needs exactly one of {', '.join(KINDS)}; found {', '.join(kinds) or 'none'}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if kind in self.model_fields_set)


KINDS = ("check", "collect", "approve", "act", "wait", "verify", "notify", "escalate", "note")


class Preconditions(Strict):
    """What must hold of the release before anything is changed; where it does not, the run is skipped and told."""

    target_changed_within: Duration | None = None
    previous_version_known: bool = False


class Budget(Strict):
    """At most `acts` changes of one service in any span of `per`."""

    acts: Annotated[int, Field(ge=1)] = 2
    per: Duration = Field(default="1h", validate_default=True)


class Prose(Strict):
    """What a person needs at three in the morning. Every part is required."""

    meaning: Text
    impact: Text
    diagnosis: Text
    mitigation: Text
    rollback: Text
    verify: Text
    escalation: Text
    afterwards: Text


class Runbook(Strict):
    """One runbook file.

    Attributes:
        owner: whose runbook it is; empty is the owner of the service.
        risk: what a change may cost; only runbooks of low risk may go on when nobody answers.
        alerts: names of the alerts it is for.
        on_resolved: whether a change that has not begun is still made when the alert has ended meanwhile.
        drills: scenarios that rehearse it.
    """

    apiVersion: Literal["burnline/v1"]
    id: Name
    version: Annotated[int, Field(ge=1)]
    description: Text
    owner: Name | None = None
    risk: Literal["low", "medium", "high"] = "medium"
    alerts: tuple[AlertName, ...] = ()
    on_resolved: Literal["finish", "cancel"] = "finish"
    drills: tuple[Name, ...] = ()
    params: dict[ParamName, Param] = Field(default_factory=dict)
    preconditions: Preconditions = Preconditions()
    cooldown: Duration = Field(default="30m", validate_default=True)
    budget: Budget = Budget()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    prose: Prose

    @model_validator(mode="after")
    def _safe_order(self) -> Self:
        names = [step.name for step in self.steps]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two steps are named {twice[0]!r}")
        kinds = [step.kind for step in self.steps]
        if long := [each.name for each in self.steps if each.act and len(each.name) > MAX_ACT_NAME]:
            raise ValueError(f"step {long[0]!r} changes something: its name may have {MAX_ACT_NAME} characters")
        if bare := [each.name for each in self.steps if each.approve and each.when]:
            raise ValueError(f"step {bare[0]!r} asks people only `when` something holds: put `when` on the `act` steps")
        for n in (n for n, kind in enumerate(kinds) if kind == "act"):
            if "approve" not in kinds[:n]:
                raise ValueError(
                    "has an `act` step without an `approve` step before it (skipped where approval is `none`)"
                )
            if "verify" not in kinds[n:]:
                raise ValueError(
                    "has an `act` step without a `verify` step after it: nobody would know whether it helped"
                )
        if self.risk != "low" and any(step.approve and step.approve.on_expiry == "proceed" for step in self.steps):
            raise ValueError("goes on when nobody answers (`on_expiry: proceed`), which needs `risk: low`")
        return self

    @model_validator(mode="after")
    def _conditions_look_back(self) -> Self:
        names = [step.name for step in self.steps]
        for n, step in enumerate(self.steps):
            for found in step.when.found if step.when else ():
                if found.step not in names[:n]:
                    raise ValueError(f"step {step.name}: `when.found` names {found.step!r}, which is no step before it")
        return self

    @property
    def acts(self) -> bool:
        """Whether any step changes something."""
        return any(step.act for step in self.steps)

    @property
    def changes(self) -> tuple[tuple[Step, Act], ...]:
        """The steps that change something, in order."""
        return tuple((step, step.act) for step in self.steps if step.act)


def bind(body: str, values: Mapping[str, Scalar]) -> Runbook:
    """The runbook a run was started with, with its slots filled by the run's values.

    Raises: ValueError when the values make a step impossible.
    """
    return Runbook.model_validate(fill(json.loads(body), values))


def fill(data: Mapping[str, Any], values: Mapping[str, Scalar]) -> dict[str, Any]:
    """A runbook's plain data with its slots filled. Raises: ValueError for a slot without a value."""
    return {**data, **{part: substitute(data[part], values) for part in SLOTTED if part in data}}
