"""`collect` in the service file: what is read, and where."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from burnline.spec.address import HttpUrl
from burnline.spec.host import HostSpec
from burnline.spec.queue import QueueSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Number

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


class ScrapeSpec(Strict):
    """A Prometheus text page to read.

    `bounds` are those of histograms whose service has others than its engine begins with, in the page's unit.
    """

    url: HttpUrl
    profile: Profile = "http"
    bounds: dict[MetricName, Annotated[tuple[Number, ...], AfterValidator(_rising)]] = Field(default_factory=dict)
    interval: Duration = Field(default="15s", validate_default=True)


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
