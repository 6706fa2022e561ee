"""The service file: one production service, what is measured, promised, paged and rolled back."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from burnline.spec.address import HttpUrl, Receiver, SecretRef
from burnline.spec.exclude import ExclusionSpec
from burnline.spec.slo import Severity, SloSpec
from burnline.spec.strict import OneOf, Strict
from burnline.spec.units import Count, Duration, Flag, Multiple, Name, PositiveCount, Ratio, Text
from burnline.spec.words import shown

Profile = Literal["http", "vllm", "triton", "sglang", "tgi", "torchserve", "kserve", "ray-serve", "dynamo"]


class Escalation(Strict):
    """Receivers per severity, each `kind:address`, as in webhook:https://..., pagerduty:team, slack:#channel."""

    page: tuple[Receiver, ...] = ()
    ticket: tuple[Receiver, ...] = ()
    business: tuple[Receiver, ...] = ()


class ScrapeSpec(Strict):
    """A Prometheus text page to read."""

    url: HttpUrl
    profile: Profile = "http"
    interval: Duration = Field(default="15s", validate_default=True)


class QueueSpec(Strict):
    """A queue to watch (not supported yet)."""

    queue: dict[str, Any]


class VersionSpec(Strict):
    """Where the serving version is read: `label` of the info series `metric` that has the value 1."""

    source: Annotated[Literal["label"], Field(alias="from")]
    label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    metric: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")] = "model_info"


class ModelSpec(Strict):
    """The model the service serves, and the profile of what it was trained on."""

    name: Text
    version: VersionSpec | None = None
    reference: Text | None = None


class DriftSpec(Strict):
    """Does live data still look like the reference? `threshold`: share of events that would have to change."""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: PositiveCount = 500
    threshold: Ratio = 0.05


class ConfidenceSpec(Strict):
    """Is the model as sure of itself as it was on the reference?"""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: PositiveCount = 500
    threshold: Ratio = 0.05


class DataSpec(Strict):
    """Are the inputs whole? `max_null` per feature; `schema: strict` makes wrong types and ranges bad."""

    window: Duration = Field(default="10m", validate_default=True)
    min_events: PositiveCount = 100
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

    file: Text
    alias: Text = "champion"


class WebhookHookSpec(Strict):
    """A deployment system that is asked over HTTP: POST `url` takes back, GET `observe` says what serves.

    Attributes:
        secret: where the HMAC key is (env:NAME or file:/path); the key itself never stands in a file of ours.
        idempotent: the receiver honours `Idempotency-Key`; without it a request in doubt is never sent again.
    """

    url: HttpUrl
    observe: HttpUrl | None = None
    secret: SecretRef | None = None
    timeout: Duration = Field(default="10s", validate_default=True)
    idempotent: Flag = False


class CommandHookSpec(Strict):
    """A program on this host; `argv` may hold the slots ${service}, ${to} and ${key}. There is no shell.

    Attributes:
        observe: a program that prints the version that serves.
        env: names of environment variables it may see; it sees no others.
        idempotent: running it twice with the same ${key} changes nothing more.
    """

    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    observe: tuple[str, ...] | None = None
    env: tuple[str, ...] = ("PATH", "HOME", "LANG")
    timeout: Duration = Field(default="60s", validate_default=True)
    idempotent: Flag = False

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        for argv in (self.argv, self.observe):
            if argv is not None and not (argv and argv[0].startswith("/")):
                raise ValueError(f"needs an absolute path as its program; found {argv[0] if argv else 'nothing'!r}")
        return self


class HookSpec(OneOf):
    """How a release is taken back: exactly one hook, by its key."""

    alias: AliasHookSpec | None = None
    webhook: WebhookHookSpec | None = None
    command: CommandHookSpec | None = None
    mlflow_alias: dict[str, Any] | None = None


class PolicyStep(Strict):
    """What follows when no more than `left` of an error budget is left."""

    left: Ratio
    do: Literal["notify", "freeze_releases", "require_approval"]


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
    min_events: Count = 0
    on_violation: Literal["abort", "review"] = "abort"


class ReleaseSpec(Strict):
    """How this service is released and taken back."""

    hook: HookSpec
    guards: tuple[GuardSpec, ...] = ()


class Trigger(Strict):
    """What starts a runbook: an alert of one SLO (at one severity, or any), or of one signal."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["slo"]}, {"required": ["signal"]}]})

    slo: Name | None = None
    signal: Name | None = None
    severity: Severity | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.slo is None) == (self.signal is None):
            raise ValueError("needs exactly one of `slo` and `signal`")
        return self


def _check_param(value: Any) -> Any:
    if not isinstance(value, str | int | float | bool):
        raise ValueError(f"is {shown(value)}; write text, a number, true or false")  # noqa: TRY004 - pydantic reads ValueError
    return value


class RunbookBinding(Strict):
    """Start runbook `run` when `on` fires; `approval: one` waits for a person before anything changes."""

    on: Trigger
    run: Name
    approval: Literal["none", "one"] = "one"
    params: dict[str, Annotated[str | int | float | bool, BeforeValidator(_check_param)]] = Field(default_factory=dict)


class CostSpec(Strict):
    """What an hour of a GPU costs (not supported yet)."""

    gpu_hour: str
    per: str = "request"


def _collect_tag(item: Any) -> str | None:
    if isinstance(item, str):
        return "<here>"
    if isinstance(item, QueueSpec) or (isinstance(item, dict) and "queue" in item):
        return "<queue>"
    return "<scrape>" if isinstance(item, dict | ScrapeSpec) else None


CollectItem = Annotated[
    Annotated[ScrapeSpec, Tag("<scrape>")]
    | Annotated[QueueSpec, Tag("<queue>")]
    | Annotated[Literal["host", "gpu"], Tag("<here>")],
    Discriminator(
        _collect_tag,
        custom_error_type="collect_item",
        custom_error_message="write host, gpu, or a mapping with `url`, as in {url: http://host:8000/metrics}",
    ),
]


class ServiceSpec(Strict):
    """One service file."""

    apiVersion: Literal["burnline/v1"]
    service: Name
    owner: Name
    description: str = ""
    escalation: Escalation = Escalation()
    collect: tuple[CollectItem, ...] = ()
    model: ModelSpec | None = None
    signals: SignalsSpec = SignalsSpec()
    slos: tuple[SloSpec, ...] = ()
    exclude: tuple[ExclusionSpec, ...] = ()
    budget_policy: tuple[PolicyStep, ...] = ()
    release: ReleaseSpec | None = None
    runbooks: tuple[RunbookBinding, ...] = ()
    cost: CostSpec | None = None

    def slo(self, name: str) -> SloSpec | None:
        """The SLO of that name, or None."""
        return next((slo for slo in self.slos if slo.name == name), None)
