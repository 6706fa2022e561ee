"""SQS's JSON protocol over HTTP as botocore speaks it: queues with messages that wait, are held, or come later."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.web import Request

ACCOUNT = "123456789012"


@dataclass
class FakeSqs:
    """Queue name to the counts of messages that wait, are held and are delayed.

    Attributes:
        refuse: how the next requests are refused: (status, code, message).
        keys: the access keys that requests were signed with.
    """

    queues: dict[str, tuple[int, int, int]]
    refuse: tuple[int, str, str] | None = None
    hang_up: bool = False
    keys: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> tuple[int, Any] | None:
        self.keys.append(request.headers["authorization"].partition("Credential=")[2].partition("/")[0])
        if self.hang_up:
            return None
        if self.refuse:
            status, code, message = self.refuse
            return status, {"__type": f"com.amazon.coral.service#{code}", "message": message}
        if request.headers["x-amz-target"] != "AmazonSQS.GetQueueAttributes":
            return 400, {"__type": "com.amazon.coral.service#UnknownOperationException", "message": ""}
        name = request.body["QueueUrl"].rpartition("/")[2]
        if name not in self.queues:
            missing = "The specified queue does not exist."
            return 400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": missing}
        counts = dict(zip(("", "NotVisible", "Delayed"), self.queues[name], strict=True))
        known = {f"ApproximateNumberOfMessages{kind}": str(count) for kind, count in counts.items()}
        return 200, {"Attributes": {each: known[each] for each in request.body["AttributeNames"] if each in known}}
