"""The kinds of steps. All but `act` only look, wait, ask and tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from burnline.spec.service import RELEASE
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Name, Ratio

Text = Annotated[str, Field(min_length=1, max_length=2000)]
State = Annotated[str, Field(min_length=1, max_length=200)]
Whom = Literal["page", "ticket", "business"]
BEFORE = "before"  # an undo to the state that was found


class Check(Strict):
    """Look, change nothing: which version serves, since when, and what the SLI said over `window`."""

    window: Duration = Field(default="5m", validate_default=True)


class Collect(Strict):
    """Put on record what a person would look up first.

    Attributes:
        what: `alerts` and `findings` of the service, its `releases`, how its SLI went, each over the last `over`.
        probe: a read-only look that the service file names, such as the newest lines of a log.
    """

    what: tuple[Literal["alerts", "findings", "releases", "sli"], ...] = ()
    probe: Name | None = None
    over: Duration = Field(default="2h", validate_default=True)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.what and self.probe is None:
            raise ValueError("needs `what` or `probe`")
        return self


class Level(Strict):
    """Who is told as well when nobody has decided `after` that long."""

    after: Duration
    to: Whom = "page"


class Approve(Strict):
    """Show the plan and wait for people; skipped when the binding says `approval: none`.

    Attributes:
        people: so many must say yes, whatever fewer the binding says; 0 leaves it to the binding.
        on_expiry: what silence means. `proceed` is only for runbooks of low risk.
    """

    people: Annotated[int, Field(ge=0, le=3)] = 0
    expires: Duration = Field(default="30m", validate_default=True)
    to: Whom = "page"
    levels: Annotated[tuple[Level, ...], Field(max_length=5)] = ()
    on_expiry: Literal["escalate", "abort", "proceed"] = "escalate"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [level.after for level in self.levels]
        if times != sorted(set(times)):
            raise ValueError("needs its `levels` in order, each later than the one before")
        if times and times[-1] >= self.expires:
            raise ValueError("has a level that comes after `expires`")
        return self


class Act(Strict):
    """Change one thing of the service through a hook of its own service file.

    Attributes:
        hook: `release`, or one of the file's `actions`.
        to: the state to reach; `previous` is what the hook finds before the present one.
        changed_within: left alone unless it was changed so shortly before the alert: else it is not the cause.
        item: which of several like things, for a hook that serves more than one, such as a node.
        undo: the state to go back to when the run fails or makes things worse; `before` is the one that was found.
        irreversible: it is not taken back by the run, whatever happens.
    """

    hook: Name = RELEASE
    to: State = "previous"
    changed_within: Duration | None = None
    item: Annotated[str, Field(max_length=253)] = ""
    undo: State | None = None
    irreversible: bool = False

    @model_validator(mode="after")
    def _answered_for(self) -> Self:
        if (self.undo is not None) == self.irreversible:
            raise ValueError("needs an `undo` (`before`, or a state), or `irreversible: true`, and not both")
        return self


class Wait(Strict):
    """Do nothing for a while; a waiting run holds no worker."""

    duration: Annotated[Duration, Field(alias="for")]


class Verify(Strict):
    """Prove on an SLI that acting helped.

    After `settle`, windows of length `window` follow each other. It helped when `good` of the last `of` windows have
    at least `min_events` events and a bad share within `max_bad` (default: what the objective allows).

    Attributes:
        slo: the SLO to prove it on; empty is the one that the alert is about.
        worse_by: it made things worse when as many windows are bad by this much more than before the change.
        deadline: after `settle`, how long to look at most; default: twice `of` windows.
    """

    slo: Annotated[str, Field(max_length=63)] = ""
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
    to: Whom = "page"


class Escalate(Strict):
    """Tell the receivers of `to` that a person must take over, with the incident's record so far."""

    text: Text
    to: Whom = "page"
