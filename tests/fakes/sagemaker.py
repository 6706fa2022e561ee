"""SageMaker's API over HTTP as botocore speaks it: endpoints that take time to update, configs, tags."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from tests.fakes.web import Request, serving

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/card-fraud"
ENDPOINT, CONFIGS = "card-fraud", ("fraud-v1", "fraud-v2", "fraud-v3")


read = JSONFileLoader.load_file


@cache
def described(file: str) -> Any:
    """What botocore knows of AWS, of which each client reads megabytes: read once."""
    return read(JSONFileLoader(), file)


@dataclass
class FakeSagemaker:
    """One endpoint. An update is under way for `slow` looks, then it is made, or taken back when `alarm` is on.

    Attributes:
        lose: the next change is taken and its answer is lost.
        refuse: how an operation is refused, by its name: (status, code, message).
    """

    config: str = "fraud-v2"
    weights: dict[str, float] = field(default_factory=lambda: {"blue": 90.0, "green": 10.0})
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "InService"
    reason: str = ""
    slow: int = 2
    alarm: bool = False
    lose: bool = False
    refuse: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pending: dict[str, Any] | None = None
    looks: int = 0

    def __call__(self, request: Request) -> tuple[int, Any] | None:
        operation = request.headers["x-amz-target"].removeprefix("SageMaker.")
        self.asked.append((operation, request.body))
        if operation in self.refuse:
            status, code, message = self.refuse[operation]
            return status, {"__type": code, "message": message}
        if request.body.get("EndpointName", ENDPOINT) != ENDPOINT:
            return 400, {"__type": "ValidationException", "message": "Could not find endpoint"}
        answer = getattr(self, f"_{operation}")(request.body)
        if operation.startswith("Update") and self.lose:
            self.lose = False
            return None
        return answer if isinstance(answer, tuple) else (200, answer)

    def changes(self) -> list[dict[str, Any]]:
        """Every update that was asked for."""
        return [body for operation, body in self.asked if operation.startswith("Update")]

    def _DescribeEndpoint(self, _: Any) -> Any:  # noqa: N802 - the API's own names
        self._go_on()
        desired = (self.pending or {}).get("weights", self.weights)
        pending = {"PendingDeploymentSummary": {"EndpointConfigName": self.pending["config"]}} if self.pending else {}
        return {
            "EndpointName": ENDPOINT,
            "EndpointArn": ARN,
            "EndpointConfigName": self.config,
            "EndpointStatus": self.status,
            "CreationTime": 1767600000.0,
            "LastModifiedTime": 1767614400.0,
            "ProductionVariants": [
                {"VariantName": name, "CurrentWeight": weight, "DesiredWeight": desired[name]}
                for name, weight in self.weights.items()
            ],
            **({"FailureReason": self.reason} if self.reason else {}),
            **pending,
        }

    def _go_on(self) -> None:
        if self.pending is None:
            return
        self.looks += 1
        if self.looks < self.slow:
            return
        if self.alarm:
            self.reason = "One or more configured alarm(s) have gone into ALARM state: errors"
        else:
            self.config, self.weights = self.pending["config"], self.pending["weights"]
        self.status, self.pending, self.looks = "InService", None, 0

    def _DescribeEndpointConfig(self, body: dict[str, Any]) -> Any:  # noqa: N802
        name = body["EndpointConfigName"]
        if name not in CONFIGS:
            message = f"Could not find endpoint configuration {name}"
            return 400, {"__type": "ValidationException", "message": message}
        return {"EndpointConfigName": name, "EndpointConfigArn": "arn:x", "CreationTime": 1767607200.0}

    def _ListTags(self, _: Any) -> Any:  # noqa: N802
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def _AddTags(self, body: dict[str, Any]) -> Any:  # noqa: N802
        self.tags |= {tag["Key"]: tag["Value"] for tag in body["Tags"]}
        return self._ListTags(body)

    def _UpdateEndpoint(self, body: dict[str, Any]) -> Any:  # noqa: N802
        return self._update(body["EndpointConfigName"], self.weights)

    def _UpdateEndpointWeightsAndCapacities(self, body: dict[str, Any]) -> Any:  # noqa: N802
        wanted = {each["VariantName"]: each["DesiredWeight"] for each in body["DesiredWeightsAndCapacities"]}
        return self._update(self.config, wanted)

    def _update(self, config: str, weights: dict[str, float]) -> Any:
        if self.status != "InService":
            return 400, {"__type": "ValidationException", "message": "Cannot update in-progress endpoint"}
        self.status, self.pending = "Updating", {"config": config, "weights": weights}
        return {"EndpointArn": ARN}


@contextmanager
def reached(fake: FakeSagemaker) -> Iterator[str]:
    """botocore finds this SageMaker, with credentials of no worth."""
    with serving(fake) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, file: described(file))
        patch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", url)
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        yield url
