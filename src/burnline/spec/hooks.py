"""Hooks as a service file names them: each a way to change one thing of the service."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from burnline.spec.address import Address, HttpUrl, SecretRef
from burnline.spec.kubernetes import (
    KserveHookSpec,
    NodeHookSpec,
    RouteHookSpec,
    ScaleHookSpec,
    VirtualServiceHookSpec,
    WorkloadHookSpec,
)
from burnline.spec.strict import OneOf, Strict
from burnline.spec.units import Duration, Flag, PositiveCount, Size, Text

FlagState = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$", max_length=63)]
UnleashName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_~-][A-Za-z0-9_.~-]*$", max_length=100)]
MLFLOW_NAME = r"^[^/:\"'\s]([^/:\"']*[^/:\"'\s])?$"  # what MLflow takes, less what its search filter would quote


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


class CommandLimits(Strict):
    """What each process of a command may use.

    Attributes:
        memory: of address space, which is more than what is resident.
        processes: of its user in all; of use with a `user` that runs nothing else.
    """

    cpu: Duration = Field(default="10m", validate_default=True)
    memory: Size = Field(default="4GiB", validate_default=True)
    file_size: Size = Field(default="1GiB", validate_default=True)
    open_files: Annotated[int, Field(ge=8, le=1_000_000, strict=True)] = 1024
    processes: PositiveCount | None = None


class CommandHookSpec(Strict):
    """A program on this host; `argv` may hold the slots ${service}, ${to} and ${key}. There is no shell.

    Attributes:
        observe: a program that prints the version that serves.
        env: names of environment variables it may see; it sees no others.
        user: whom it runs as; only a burnline that is root can choose.
        idempotent: running it twice with the same ${key} changes nothing more.
    """

    argv: Annotated[tuple[str, ...], Field(min_length=1)]
    observe: tuple[str, ...] | None = None
    env: tuple[str, ...] = ("PATH", "HOME", "LANG")
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]*[$]?$", max_length=32)] | None = None
    limits: CommandLimits = CommandLimits()
    timeout: Duration = Field(default="60s", validate_default=True)
    idempotent: Flag = False

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        for argv in (self.argv, self.observe):
            if argv is not None and not (argv and argv[0].startswith("/")):
                raise ValueError(f"needs an absolute path as its program; found {argv[0] if argv else 'nothing'!r}")
        return self


class MlflowAliasHookSpec(Strict):
    """An alias of MLflow's model registry, set over its REST API.

    Attributes:
        url: the tracking server, or the place (env:NAME or file:/path) where its URL is kept.
        token, user, password: where credentials are: a bearer token, or both of the others.
        previous: `recorded` knows only what the versions' tags say served before; `older` takes the newest older
            version that is READY and was not taken back when the tags say nothing.
    """

    url: Address
    model: Annotated[str, Field(pattern=MLFLOW_NAME)]
    alias: Annotated[str, Field(pattern=r"^[\w-]+$")] = "champion"
    token: SecretRef | None = None
    user: SecretRef | None = None
    password: SecretRef | None = None
    previous: Literal["recorded", "older"] = "recorded"
    timeout: Duration = Field(default="10s", validate_default=True)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("needs both `user` and `password`, or neither")
        if self.token is not None and self.user is not None:
            raise ValueError("takes `token`, or `user` and `password`, not both")
        return self


class FlagdFileHookSpec(Strict):
    """A flag in a file that flagd, or an OpenFeature provider, reads.

    Attributes:
        field: what is changed: `defaultVariant`, or `state` (then `on` and `off`).
    """

    file: Text
    flag: Text
    field: Literal["defaultVariant", "state"] = "defaultVariant"


class FlagFileHookSpec(Strict):
    """A file with one word that a serving process polls, for shedding load.

    Attributes:
        states: what it may say; where there is no file, the first of them holds.
        format: the word alone, or JSON with the word as `state`.
    """

    file: Text
    states: Annotated[tuple[FlagState, ...], Field(min_length=2, max_length=20)] = ("off", "on")
    format: Literal["word", "json"] = "word"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.states)) != len(self.states):
            raise ValueError("names a state twice in `states`")
        return self


class HelmHookSpec(Strict):
    """A Helm release, rolled back by the `helm` program on this host.

    Attributes:
        context: of the kubeconfig; without it, the one in force.
        env: names of environment variables that helm may see; it sees no others.
        timeout: how long a rollback waits until what it brought back is up.
    """

    release: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=53)]
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)] = "default"
    context: Annotated[str, Field(pattern=r"^[!-~]+$")] | None = None
    helm: Annotated[str, Field(pattern=r"^/.+$")] = "/usr/local/bin/helm"
    env: tuple[str, ...] = ("PATH", "HOME", "KUBECONFIG")
    timeout: Duration = Field(default="5m", validate_default=True)


class UnleashHookSpec(Strict):
    """A feature toggle of Unleash in one environment: `on` or `off`.

    Attributes:
        url: the Unleash server, or the place (env:NAME or file:/path) where its URL is kept.
        token: where a token of its admin API is.
    """

    url: Address
    project: UnleashName = "default"
    feature: UnleashName
    environment: UnleashName
    token: SecretRef
    timeout: Duration = Field(default="10s", validate_default=True)


class SagemakerHookSpec(Strict):
    """A SageMaker endpoint: which endpoint config serves, or a variant's percent of the traffic.

    Attributes:
        variant: with it, its percent of the traffic is what changes.
        alarms: names of CloudWatch alarms by which SageMaker takes an update back by itself.
        timeout: how long an update is waited for.
    """

    endpoint: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", max_length=63)]
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    variant: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", max_length=63)] | None = None
    alarms: Annotated[tuple[Text, ...], Field(max_length=10)] = ()
    timeout: Duration = Field(default="30m", validate_default=True)

    @model_validator(mode="after")
    def _alarms_of_updates(self) -> Self:
        if self.variant is not None and self.alarms:
            raise ValueError("takes `alarms` only without `variant`: SageMaker knows them for updates alone")
        return self


class HookSpec(OneOf):
    """How a release is taken back: exactly one hook, by its key."""

    alias: AliasHookSpec | None = None
    webhook: WebhookHookSpec | None = None
    command: CommandHookSpec | None = None
    mlflow_alias: MlflowAliasHookSpec | None = None
    flagd_file: FlagdFileHookSpec | None = None
    flag_file: FlagFileHookSpec | None = None
    unleash: UnleashHookSpec | None = None
    helm: HelmHookSpec | None = None
    sagemaker: SagemakerHookSpec | None = None
    k8s_deployment: WorkloadHookSpec | None = None
    k8s_statefulset: WorkloadHookSpec | None = None
    k8s_daemonset: WorkloadHookSpec | None = None
    k8s_scale: ScaleHookSpec | None = None
    k8s_node: NodeHookSpec | None = None
    argo_rollout: WorkloadHookSpec | None = None
    argo_promote: WorkloadHookSpec | None = None
    kserve_canary: KserveHookSpec | None = None
    http_route: RouteHookSpec | None = None
    virtual_service: VirtualServiceHookSpec | None = None
