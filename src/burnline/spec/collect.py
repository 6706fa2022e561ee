"""`collect` in the service file: what is read, and where."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from burnline.spec.address import HttpUrl
from burnline.spec.queue import QueueSpec
from burnline.spec.strict import Strict
from burnline.spec.units import Duration

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
]


class ScrapeSpec(Strict):
    """A Prometheus text page to read."""

    url: HttpUrl
    profile: Profile = "http"
    interval: Duration = Field(default="15s", validate_default=True)


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
        custom_error_message="write host, gpu, or a mapping with `url` or `queue`, as in {url: http://host:8000/metrics}",
    ),
]
