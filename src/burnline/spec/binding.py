"""Which alert starts which runbook."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from burnline.spec.address import Receiver
from burnline.spec.slo import Severity
from burnline.spec.strict import Strict
from burnline.spec.units import Name
from burnline.spec.words import shown

NEED = {"none": 0, "one": 1, "two": 2, "three": 3}
AlertName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=200)]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=200)]


def _named(value: Any) -> Any:
    """A list of names is a mapping without receivers."""
    return dict.fromkeys(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value


Person = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]


class Trigger(Strict):
    """What starts a runbook: an alert of one SLO (at one severity, or any), of one signal, or any other by its name.

    Attributes:
        alert: the `alertname` of an alert of this service that somebody else's rules fire (or `SloNoData`).
        labels: further labels of that alert, each exactly this value.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["slo"]}, {"required": ["signal"]}, {"required": ["alert"]}]}
    )

    slo: Name | None = None
    signal: Name | None = None
    alert: AlertName | None = None
    severity: Severity | None = None
    labels: dict[LabelName, Annotated[str, Field(max_length=4096)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(each is not None for each in (self.slo, self.signal, self.alert)) != 1:
            raise ValueError("needs exactly one of `slo`, `signal` and `alert`")
        if self.labels and self.alert is None:
            raise ValueError("takes `labels` only with `alert`")
        return self


def _check_param(value: Any) -> Any:
    if not isinstance(value, str | int | float | bool):
        raise ValueError(f"is {shown(value)}; write text, a number, true or false")  # noqa: TRY004 - pydantic reads ValueError
    return value


class RunbookBinding(Strict):
    """Start runbook `run` when `on` fires.

    Attributes:
        approval: how many people must say yes before anything changes.
        approvers: who may; empty is anybody. With a receiver each is sent a link of their own.
    """

    on: Trigger
    run: Name
    approval: Literal["none", "one", "two", "three"] = "one"
    approvers: Annotated[dict[Person, Receiver | None], BeforeValidator(_named)] = Field(default_factory=dict)
    params: dict[str, Annotated[str | int | float | bool, BeforeValidator(_check_param)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _enough_approvers(self) -> Self:
        need = NEED[self.approval]
        if self.approvers and not need:
            raise ValueError("names `approvers`, but its `approval` is none")
        if self.approvers and len(self.approvers) < need:
            raise ValueError(f"needs {need} of {len(self.approvers)} `approvers`")
        return self
