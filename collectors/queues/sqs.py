"""A queue of Amazon SQS. Its counts are approximate, as Amazon says of them; its age only CloudWatch knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from burnline.collectors.queues.depth import Depth
from burnline.collectors.queues.keys import Keys, Login, missing
from burnline.errors import CollectorError
from burnline.spec.queue import SqsSpec
from burnline.spec.words import shown

READY = "ApproximateNumberOfMessages"
INFLIGHT = "ApproximateNumberOfMessagesNotVisible"
DELAYED = "ApproximateNumberOfMessagesDelayed"
SECONDS = 4
GONE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


class Sqs:
    """Through botocore, whose own chain finds credentials where the service file names none."""

    def __init__(self, spec: SqsSpec) -> None:
        self._spec = spec
        self._login: Login | None = None
        self._client: Any = None

    def look(self, keys: Keys, now: datetime) -> Iterator[Depth]:
        found = self._attributes(keys)
        yield Depth(ready=_count(found, READY), inflight=_count(found, INFLIGHT), delayed=_count(found, DELAYED))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _attributes(self, keys: Keys) -> Mapping[str, Any]:
        botocore = _import_botocore()
        known = botocore.exceptions
        try:
            client = self._connected(botocore, keys.login(self._spec, self._spec.sqs))
            answer = client.get_queue_attributes(QueueUrl=self._spec.sqs, AttributeNames=[READY, INFLIGHT, DELAYED])
        except known.ClientError as error:
            raise self._refused(error.response.get("Error", {})) from error
        except known.BotoCoreError as error:
            raise CollectorError(str(error)) from error
        found = answer.get("Attributes")
        return found if isinstance(found, dict) else {}

    def _connected(self, botocore: Any, login: Login) -> Any:
        if self._client is None or login != self._login:
            self.close()
            config = botocore.config.Config(
                connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 1}, proxies={}
            )
            self._client = botocore.session.get_session().create_client(
                "sqs",
                region_name=self._spec.region,
                endpoint_url=self._spec.endpoint,
                aws_access_key_id=login.user,
                aws_secret_access_key=login.password,
                verify=self._spec.ca,
                config=config,
            )
            self._login = login
        return self._client

    def _refused(self, error: Mapping[str, Any]) -> CollectorError:
        code = str(error.get("Code", ""))
        if code.endswith(GONE):
            return CollectorError(f"there is no queue {shown(self._spec.sqs)}")
        return CollectorError(f"SQS answered {code}: {error.get('Message', '')}")


def _count(attributes: Mapping[str, Any], name: str) -> float | None:
    """Amazon writes counts as texts."""
    written = attributes.get(name)
    return float(written) if isinstance(written, str) and written.isascii() and written.isdigit() else None


def _import_botocore() -> Any:
    try:
        import botocore.config
        import botocore.exceptions
        import botocore.session
    except ImportError as error:
        raise missing("botocore", "sqs") from error
    return botocore
