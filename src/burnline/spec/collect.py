"""`collect` in the service file: what is read, and where."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from burnline.spec.address import HttpUrl
from burnline.spec.host import HostSpec
from burnline.spec.queue import File, QueueSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Flag, Number

Profile = Literal[
    "http",
    "vllm",
    "sglang",
    "triton",
    "trtllm-serve",
    "tgi",
    "torchserve",
    "kserve",
    "ray-serve",
    "dynamo",
    "bentoml",
    "envoy",
    "istio",
    "dcgm-exporter",
    "node-exporter",
    "redis-exporter",
    "rabbitmq",
    "kafka-exporter",
    "celery-exporter",
    "nats-exporter",
    "minio",
    "qdrant",
    "milvus",
    "weaviate",
    "postgres-exporter",
]


MetricName = Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]


def _rising(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if not bounds or any(low >= high for low, high in pairwise(bounds)):
        raise ValueError("must hold at least one bound and rise from bound to bound, as in [0.1, 0.25, 1]")
    return bounds


def _secret_file(value: str) -> str:
    """Raises: ValueError with the accepted form; the value may be the secret itself and is not repeated."""
    if not value.startswith("/") or "\0" in value:
        raise ValueError(
            "names no file; write an absolute path as in /run/secrets/token (the secret never stands here)"
        )
    return value


SecretFile = Annotated[str, AfterValidator(_secret_file), WithJsonSchema({"type": "string", "pattern": "^/.+$"})]
UserName = Annotated[str, Field(pattern=r"^[^:\x00-\x1f\x7f]{1,200}$")]


class BasicAuthSpec(Strict):
    """A user's name, and the file that holds the password."""

    username: UserName
    password_file: SecretFile


class TlsSpec(Strict):
    """Whom to trust beside the authorities of this machine: those in the file `ca`, and no others; or anybody."""

    ca: File | None = None
    insecure_skip_verify: Flag = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.ca is None and not self.insecure_skip_verify:
            raise ValueError("says nothing; write `ca`: the file of the authority that signed the page's certificate")
        if self.ca is not None and self.insecure_skip_verify:
            raise ValueError("names a `ca` and verifies nothing; write one of the two")
        return self


class AccessSpec(Strict):
    """How a page is got into, as Prometheus has it; files are read again for every turn."""

    bearer_token_file: SecretFile | None = None
    basic_auth: BasicAuthSpec | None = None
    tls: TlsSpec | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.bearer_token_file is not None and self.basic_auth is not None:
            raise ValueError("has `bearer_token_file` and `basic_auth`; one header says who asks: write one of the two")
        return self


class ScrapeSpec(AccessSpec):
    """A Prometheus text page to read.

    `bounds` are those of histograms whose service has others than its engine begins with, in the page's unit.
    """

    url: HttpUrl
    profile: Profile = "http"
    bounds: dict[MetricName, Annotated[tuple[Number, ...], AfterValidator(_rising)]] = Field(default_factory=dict)
    interval: Duration = Field(default="15s", validate_default=True)

    @model_validator(mode="after")
    def _tls_of_https(self) -> Self:
        if self.tls is not None and not self.url.lower().startswith("https:"):
            raise ValueError("has `tls`, and its `url` is not https")
        return self


def _collect_tag(item: Any) -> str | None:
    if isinstance(item, str):
        return "<here>"
    if isinstance(item, QueueSpec) or (isinstance(item, dict) and "queue" in item):
        return "<queue>"
    if isinstance(item, HostSpec) or (isinstance(item, dict) and "host" in item):
        return "<host>"
    return "<scrape>" if isinstance(item, dict | ScrapeSpec) else None


CollectItem = Annotated[
    Annotated[ScrapeSpec, Tag("<scrape>")]
    | Annotated[QueueSpec, Tag("<queue>")]
    | Annotated[HostSpec, Tag("<host>")]
    | Annotated[Literal["host", "gpu"], Tag("<here>")],
    Discriminator(
        _collect_tag,
        custom_error_type="collect_item",
        custom_error_message="write host, gpu, or a mapping with `url` or `queue`, as in {url: http://host:8000/metrics}",
    ),
]
