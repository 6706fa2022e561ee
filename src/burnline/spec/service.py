"""The service file: one production service, what is measured, promised, paged and rolled back."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from burnline.spec.sli import SloSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Multiple, Name, Ratio

Severity = Literal["page", "ticket"]


class Escalation(Strict):
    """Receivers per severity, each `kind:address`, as in webhook:https://..., pagerduty:team, slack:#channel."""

    page: tuple[str, ...] = ()
    ticket: tuple[str, ...] = ()
    business: tuple[str, ...] = ()


class ScrapeSpec(Strict):
    """A Prometheus text page to read."""

    url: str
    profile: str = "http"
    interval: Duration = Field(default="15s", validate_default=True)


class QueueSpec(Strict):
    """A queue to watch (not supported yet)."""

    queue: dict[str, Any]


class VersionSpec(Strict):
    """Where the serving version is read: `label` of the info series `metric` that has the value 1."""

    source: Annotated[Literal["label"], Field(alias="from")]
    label: str
    metric: str = "model_info"


class ModelSpec(Strict):
    """The model the service serves, and the profile of what it was trained on."""

    name: str
    version: VersionSpec | None = None
    reference: str | None = None


class DriftSpec(Strict):
    """Does live data still look like the reference? `threshold`: share of events that would have to change."""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: Annotated[int, Field(ge=1)] = 500
    threshold: Ratio = 0.05


class ConfidenceSpec(Strict):
    """Is the model as sure of itself as it was on the reference?"""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: Annotated[int, Field(ge=1)] = 500
    threshold: Ratio = 0.05


class DataSpec(Strict):
    """Are the inputs whole? `max_null` per feature; `schema: strict` makes wrong types and ranges bad."""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: Annotated[int, Field(ge=1)] = 100
    max_null: Ratio = 0.01
    max_age: Duration | None = None
    schema_: Annotated[Literal["strict", "off"], Field(alias="schema")] = "strict"


class SignalsSpec(Strict):
    """Which detectors run. An empty mapping takes the defaults."""

    drift: DriftSpec | None = None
    confidence: ConfidenceSpec | None = None
    data: DataSpec | None = None
    skew: dict[str, Any] | None = None
    outliers: dict[str, Any] | None = None
    hallucination: dict[str, Any] | None = None


class AliasHookSpec(Strict):
    """A registry file in which an alias names the version that serves."""

    file: str
    alias: str = "champion"


SecretRef = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.+)$")]


class WebhookHookSpec(Strict):
    """A deployment system that is asked over HTTP: POST `url` takes back, GET `observe` says what serves.

    Attributes:
        secret: where the HMAC key is (env:NAME or file:/path); the key itself never stands in a file of ours.
        idempotent: the receiver honours `Idempotency-Key`; without it a request in doubt is never sent again.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
    observe: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")] | None = None
    secret: SecretRef | None = None
    timeout: Duration = Field(default="10s", validate_default=True)
    idempotent: bool = False


class CommandHookSpec(Strict):
    """A program on this host; `argv` may hold the slots ${service}, ${from}, ${to} and ${key}. There is no shell.

    Attributes:
        observe: a program that prints the version that serves.
        env: names of environment variables it may see; it sees no others.
        idempotent: running it twice with the same ${key} changes nothing more.
    """

    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    observe: tuple[str, ...] | None = None
    env: tuple[str, ...] = ("PATH", "HOME", "LANG")
    timeout: Duration = Field(default="60s", validate_default=True)
    idempotent: bool = False

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        for argv in (self.argv, self.observe):
            if argv is not None and not (argv and argv[0].startswith("/")):
                raise ValueError(f"needs an absolute path as its program; found {argv[0] if argv else 'nothing'!r}")
        return self


class HookSpec(Strict):
    """How a release is taken back: exactly one hook, by its key."""

    alias: AliasHookSpec | None = None
    webhook: WebhookHookSpec | None = None
    command: CommandHookSpec | None = None
    mlflow_alias: dict[str, Any] | None = None


class GuardSpec(Strict):
    """A condition under which a release is stopped (not supported yet)."""

    sli: Name | None = None
    signal: Name | None = None
    business: Name | None = None
    kind: Literal["hard", "sequential", "budget"]
    above: Ratio | None = None
    below: Ratio | None = None
    worse_than_baseline: Multiple | None = None
    below_baseline: Multiple | None = None
    min_events: Annotated[int, Field(ge=0)] = 0
    on_violation: Literal["abort", "review"] = "abort"


class ReleaseSpec(Strict):
    """How this service is released and taken back."""

    hook: HookSpec
    guards: tuple[GuardSpec, ...] = ()


class Trigger(Strict):
    """What starts a runbook: an alert of one SLO (at one severity, or any), or of one signal."""

    slo: Name | None = None
    signal: Name | None = None
    severity: Severity | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.slo is None) == (self.signal is None):
            raise ValueError("needs exactly one of `slo` and `signal`")
        return self


class RunbookBinding(Strict):
    """Start runbook `run` when `on` fires; `approval: one` waits for a person before anything changes."""

    on: Trigger
    run: Name
    approval: Literal["none", "one"] = "one"
    params: dict[str, str | int | float | bool] = Field(default_factory=dict)


class CostSpec(Strict):
    """What an hour of a GPU costs (not supported yet)."""

    gpu_hour: str
    per: str = "request"


class ServiceSpec(Strict):
    """One service file."""

    apiVersion: Literal["burnline/v1"]
    service: Name
    owner: Name
    description: str = ""
    escalation: Escalation = Escalation()
    collect: tuple[ScrapeSpec | QueueSpec | Literal["host", "gpu"], ...] = ()
    model: ModelSpec | None = None
    signals: SignalsSpec = SignalsSpec()
    slos: tuple[SloSpec, ...] = ()
    release: ReleaseSpec | None = None
    runbooks: tuple[RunbookBinding, ...] = ()
    cost: CostSpec | None = None

    def slo(self, name: str) -> SloSpec | None:
        """The SLO of that name, or None."""
        return next((slo for slo in self.slos if slo.name == name), None)
