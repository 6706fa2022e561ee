"""`queue` in `collect`: which queue is watched, where, and how to get in."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from burnline.spec.address import PLACE_PATTERN, Address, HttpUrl, SecretRef, check_secret, check_url
from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Flag
from burnline.spec.words import choice, shown, without_login

KINDS = ("redis_list", "redis_stream", "rabbitmq", "kafka", "celery", "nats", "sqs")
_BROKER = r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}"


def check_server(value: str, schemes: tuple[str, ...], example: str) -> str:
    """The value, when it is the URL of a server of one of the schemes, without a login.

    Raises: ValueError with the accepted form; what may be a password is not repeated.
    """
    try:
        parts = urlsplit(value)
        usable = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[!-~]+", value):
        raise ValueError(
            f"{shown(without_login(value))} is not an address here; write one as in {example}, or env:NAME"
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password; give the place of the whole URL (env:NAME or file:/path)")
    return value


def _is_place(value: str) -> bool:
    return value.startswith(("env:", "file:"))


def _redis(value: str) -> str:
    if _is_place(value):
        return check_secret(value)
    return check_server(value, ("redis", "rediss"), "redis://redis:6379/0")


def _nats(value: str) -> str:
    return check_secret(value) if _is_place(value) else check_server(value, ("nats", "tls"), "nats://nats:4222")


def _celery(value: str) -> str:
    """A Redis broker's own URL, or for RabbitMQ that of its management API."""
    if value.startswith(("amqp:", "amqps:", "pyamqp:")):
        raise ValueError("is AMQP's; give RabbitMQ's management API, as in http://rabbitmq:15672, or env:NAME")
    return check_url(value) if value.startswith(("http:", "https:")) else _redis(value)


def check_brokers(value: str) -> str:
    """The value, when it is `host:port` of brokers with commas between, or the place of that. Raises: ValueError."""
    if _is_place(value):
        return check_secret(value)
    if not re.fullmatch(rf"{_BROKER}(,{_BROKER})*", value):
        raise ValueError(
            f"{shown(without_login(value))} names no brokers; write kafka-1:9092,kafka-2:9092, or env:NAME"
        )
    return value


RedisUrl = Annotated[
    str,
    AfterValidator(_redis),
    WithJsonSchema({"type": "string", "pattern": rf"^rediss?://[^\s/@?#]+(/\S*)?$|{PLACE_PATTERN}"}),
]
NatsUrl = Annotated[
    str,
    AfterValidator(_nats),
    WithJsonSchema({"type": "string", "pattern": rf"^(nats|tls)://[^\s/@?#]+$|{PLACE_PATTERN}"}),
]
CeleryUrl = Annotated[
    str,
    AfterValidator(_celery),
    WithJsonSchema({"type": "string", "pattern": rf"^(rediss?|https?)://[^\s/@?#]+(/\S*)?$|{PLACE_PATTERN}"}),
]
Brokers = Annotated[
    str,
    AfterValidator(check_brokers),
    WithJsonSchema({"type": "string", "pattern": rf"^{_BROKER}(,{_BROKER})*$|{PLACE_PATTERN}"}),
]
Title = Annotated[str, Field(min_length=1, max_length=255)]
StreamName = Annotated[str, Field(pattern=r"^[^\s.*>/\\]{1,255}$")]  # as NATS allows it
File = Annotated[str, Field(pattern=r"^/.+$")]


class Watched(Strict):
    """What every queue has.

    Attributes:
        name: the label `queue`, where it is not to be the queue's own name.
        user, password: where a login is kept.
        ca: file of the certificate authorities to trust, instead of this machine's.
    """

    name: Title | None = None
    interval: Duration = Field(default="15s", validate_default=True)
    user: SecretRef | None = None
    password: SecretRef | None = None
    ca: File | None = None

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if self.user is not None and self.password is None:
            raise ValueError("has `user` without `password`")
        return self

    @property
    def kind(self) -> str:
        """The key that says what kind of queue it is: the label `backend`."""
        return next(kind for kind in KINDS if kind in type(self).model_fields)

    @property
    def source(self) -> str:
        """What the backend calls it."""
        return str(getattr(self, self.kind))

    @property
    def queue(self) -> str:
        """The label `queue`."""
        return self.name or self.source

    @property
    def consumers(self) -> str:
        """The label `group`; empty where the backend has none."""
        return str(getattr(self, "group", "") or getattr(self, "consumer", ""))

    @property
    def title(self) -> str:
        """What tells it from every other queue of its service: `kafka orders/scorers`."""
        return f"{self.kind} {self.queue}" + (f"/{self.consumers}" if self.consumers else "")


class RedisListSpec(Watched):
    """A list that is pushed to at one end and taken from at the other.

    Attributes:
        head: the end from which the next one is taken.
        processing: the list that messages are moved to while they are worked on.
        timestamp: the field of a JSON message that says when it was sent; without it no age is known.
    """

    redis_list: Title
    url: RedisUrl
    head: Literal["left", "right"] = "right"
    processing: Title | None = None
    timestamp: Title | None = None


class RedisStreamSpec(Watched):
    """A consumer group of a stream."""

    redis_stream: Title
    group: Title
    url: RedisUrl


class RabbitmqSpec(Watched):
    """A queue of RabbitMQ, over its management API."""

    rabbitmq: Title
    url: Address
    vhost: Title = "/"


class KafkaSpec(Watched):
    """A consumer group's place in a topic.

    Attributes:
        partitions: one series per partition, instead of their sum.
        age: read the first record that waits in each partition, to know how old it is.
        tls: speak TLS to the brokers; `ca` alone means it too.
        mechanism: how `user` and `password` are sent.
    """

    kafka: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
    group: Title
    brokers: Brokers
    partitions: Flag = False
    age: Flag = True
    tls: Flag = False
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"


class CelerySpec(Watched):
    """A Celery queue, on a Redis broker or, over its management API, on RabbitMQ.

    Attributes:
        vhost: of RabbitMQ.
        exchange: whose binding shows that the queue exists (Redis).
        prefix, separator: `global_keyprefix` and `sep` of the broker's transport options (Redis).
        timestamp: the header of a task that says when it was sent; without it no age is known (Redis).
    """

    celery: Title
    url: CeleryUrl
    vhost: Title = "/"
    exchange: Title | None = None
    prefix: Annotated[str, Field(max_length=255)] = ""
    separator: Title = "\x06\x16"
    timestamp: Title | None = None


class NatsSpec(Watched):
    """A consumer of a JetStream stream: over NATS itself (`url`), or the server's monitoring page (`monitor`).

    Attributes:
        account: which account's stream, for `monitor`.
        token: where a token is kept.
        credentials: a file of user credentials (.creds).
    """

    nats: StreamName
    consumer: StreamName
    url: NatsUrl | None = None
    monitor: Address | None = None
    account: Title | None = None
    token: SecretRef | None = None
    credentials: File | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.monitor is None):
            raise ValueError("needs exactly one of `url` (nats://nats:4222) and `monitor` (http://nats:8222)")
        return self


class SqsSpec(Watched):
    """A queue of Amazon SQS, by its URL.

    Attributes:
        region: where it is; without it, that of the environment.
        endpoint: another address than Amazon's, such as a gateway's.
        user, password: where an access key and its secret are kept; without them, those of the environment.
    """

    sqs: HttpUrl
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    endpoint: HttpUrl | None = None

    @property
    def queue(self) -> str:
        """The last part of its URL, unless it has a name."""
        return self.name or self.sqs.rstrip("/").rpartition("/")[2]


def _kind(item: Any) -> str | None:
    if isinstance(item, Watched):
        return _tag(item.kind)
    found = [kind for kind in KINDS if kind in item] if isinstance(item, dict) else []
    return _tag(found[0]) if len(found) == 1 else None


def _tag(kind: str) -> str:
    return f"<{kind.replace('_', '')}>"


QueueKind = RedisListSpec | RedisStreamSpec | RabbitmqSpec | KafkaSpec | CelerySpec | NatsSpec | SqsSpec
QueueItem = Annotated[
    Annotated[RedisListSpec, Tag("<redislist>")]
    | Annotated[RedisStreamSpec, Tag("<redisstream>")]
    | Annotated[RabbitmqSpec, Tag("<rabbitmq>")]
    | Annotated[KafkaSpec, Tag("<kafka>")]
    | Annotated[CelerySpec, Tag("<celery>")]
    | Annotated[NatsSpec, Tag("<nats>")]
    | Annotated[SqsSpec, Tag("<sqs>")],
    Discriminator(
        _kind,
        custom_error_type="queue_item",
        custom_error_message=f"write a mapping with exactly one of {choice(KINDS)}, as in "
        "{redis_list: jobs, url: env:REDIS_URL}",
    ),
]


class QueueSpec(Strict):
    """A queue to watch: exactly one kind."""

    queue: QueueItem
