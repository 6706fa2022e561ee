"""A runbook as a team writes it, and as a run binds it to values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from burnline.runbooks.params import Param, Scalar, substitute
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name, Ratio

Text = Annotated[str, Field(min_length=1, max_length=2000)]
ParamName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
SLOTTED = ("preconditions", "cooldown", "budget", "steps")  # the parts in which ${param} is filled


class Check(Strict):
    """Look, change nothing: which version serves, since when, and what the SLI said over `window`."""

    window: Duration = Field(default="5m", validate_default=True)


class Approve(Strict):
    """Show the plan and wait for a person; skipped when the binding says `approval: none`."""

    expires: Duration = Field(default="30m", validate_default=True)


class Act(Strict):
    """Change the service through the hook of its own service file: back to `previous`, or to a version."""

    hook: Literal["release"] = "release"
    to: Annotated[str, Field(min_length=1, max_length=200)] = "previous"


class Wait(Strict):
    """Do nothing for a while; a waiting run holds no worker."""

    duration: Annotated[Duration, Field(alias="for")]


class Verify(Strict):
    """Prove on the SLI of the alert that acting helped.

    After `settle`, windows of length `window` follow each other. It helped when `good` of the last `of` windows have
    at least `min_events` events and a bad share within `max_bad` (default: what the objective allows).

    Attributes:
        worse_by: it made things worse when as many windows are bad by this much more than before the change.
        deadline: after `settle`, how long to look at most; default: twice `of` windows.
    """

    settle: Duration = Field(default="1m", validate_default=True)
    window: Duration = Field(default="1m", validate_default=True)
    good: Annotated[int, Field(ge=1)] = 3
    of: Annotated[int, Field(ge=1)] = 4
    min_events: Annotated[int, Field(ge=1)] = 1
    max_bad: Ratio | None = None
    worse_by: Ratio = 0.1
    deadline: Duration | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.good > self.of:
            raise ValueError(f"asks for {self.good} good windows of {self.of}")
        if self.window <= timedelta(0):
            raise ValueError("needs a `window` longer than 0s")
        if self.patience < self.good * self.window:
            raise ValueError("ends before enough windows can have passed: lengthen `deadline`")
        return self

    @property
    def patience(self) -> timedelta:
        """How long to look, from the end of `settle`."""
        return self.deadline if self.deadline is not None else 2 * self.of * self.window


class Notify(Strict):
    """Tell the receivers that the service file names for `to`."""

    text: Text
    to: Literal["page", "ticket", "business"] = "page"


class Retry(Strict):
    """How often a step is tried again after a failure that may pass, and the first pause; each next one is double."""

    times: Annotated[int, Field(ge=0, le=20)] = 3
    pause: Duration = Field(default="2s", validate_default=True)


class Step(Strict):
    """One step: a name and exactly one kind, by its key."""

    name: Name
    timeout: Duration = Field(default="2m", validate_default=True)
    retry: Retry = Retry()
    check: Check | None = None
    approve: Approve | None = None
    act: Act | None = None
    wait: Wait | None = None
    verify: Verify | None = None
    notify: Notify | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(kinds := [kind for kind in KINDS if kind in self.model_fields_set]) != 1:
            raise ValueError(f"needs exactly one of {', '.join(KINDS)}; found {', '.join(kinds) or 'none'}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if kind in self.model_fields_set)


KINDS = ("check", "approve", "act", "wait", "verify", "notify", "note")


class Preconditions(Strict):
    """What must hold before anything is changed; where it does not, the run is skipped and a person is told."""

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


class Runbook(Strict):
    """One runbook file."""

    apiVersion: Literal["burnline/v1"]
    id: Name
    version: Annotated[int, Field(ge=1)]
    description: Text
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
        if kinds.count("act") > 1:
            raise ValueError("has two `act` steps; one run changes one thing once")
        if "act" in kinds and "approve" not in kinds[: kinds.index("act")]:
            raise ValueError("has an `act` step without an `approve` step before it (skipped where approval is `none`)")
        if "act" in kinds and "verify" not in kinds[kinds.index("act") :]:
            raise ValueError("has an `act` step without a `verify` step after it: nobody would know whether it helped")
        return self

    @property
    def acts(self) -> bool:
        """Whether any step changes something."""
        return any(step.act for step in self.steps)


def bind(body: str, values: Mapping[str, Scalar]) -> Runbook:
    """The runbook a run was started with, with its slots filled by the run's values.

    Raises: ValueError when the values make a step impossible.
    """
    return Runbook.model_validate(fill(json.loads(body), values))


def fill(data: Mapping[str, Any], values: Mapping[str, Scalar]) -> dict[str, Any]:
    """A runbook's plain data with its slots filled. Raises: ValueError for a slot without a value."""
    return {**data, **{part: substitute(data[part], values) for part in SLOTTED if part in data}}
