"""Alertmanager's webhook, version "4": read strictly where it matters, with unknown and missing new keys allowed.

The shape is that of Alertmanager's notify/webhook/webhook.go and template/template.go (0.25 to 0.34).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from burnline.errors import PayloadError, PayloadTooLarge
from burnline.events import AlertEvent

MAX_BODY_BYTES = 16 * 1024 * 1024  # 10,000 alerts in one body measure 7 MB
MAX_ALERTS = 20_000
MAX_LABELS = 64
MAX_ANNOTATIONS = 64
MAX_ANNOTATION = 4096  # characters; what is longer is cut: nobody's alert is lost for its prose
MAX_ANNOTATION_NAME = 256
MAX_SENDER = 200

ALERTMANAGER = "alertmanager"  # the source of what any Alertmanager sends or lists: one alert, from whichever it comes

log = logging.getLogger(__name__)

LabelName = Annotated[str, Meta(min_length=1, max_length=256)]
Labels = Annotated[dict[LabelName, Annotated[str, Meta(max_length=4096)]], Meta(max_length=MAX_LABELS)]
Time = Annotated[datetime, Meta(tz=True)]


class WireAlert(msgspec.Struct, rename="camel"):
    """One alert as it is sent; `ends_at` is in the year 1 while it fires."""

    status: Literal["firing", "resolved"]
    labels: Labels
    fingerprint: Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
    starts_at: Time
    annotations: dict[str, str] = {}
    ends_at: Time | None = None
    generator_url: Annotated[str, Meta(max_length=8192)] = msgspec.field(name="generatorURL", default="")


class WireBody(msgspec.Struct, rename="camel"):
    """One webhook; everything that is not an alert is Alertmanager's own bookkeeping."""

    version: Literal["4"]
    alerts: Annotated[list[msgspec.Raw], Meta(max_length=MAX_ALERTS)]
    truncated_alerts: Annotated[int, Meta(ge=0)] = 0
    external_url: Any = msgspec.field(name="externalURL", default="")


@dataclass(frozen=True, slots=True)
class Refused:
    """One alert of a body that cannot be read: `index` counts from 0, `body` is a webhook of it alone."""

    index: int
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Webhook:
    """One body: the alerts that can be read, in the order sent, each as it came in `raw`, and those that cannot.

    Attributes:
        sender: the Alertmanager's own address, as it gives it; anybody may claim any.
        truncated: how many alerts were cut off (`max_alerts`).
    """

    alerts: tuple[AlertEvent, ...]
    raw: tuple[bytes, ...]
    refused: tuple[Refused, ...]
    sender: str = ""
    truncated: int = 0


_BODY = msgspec.json.Decoder(WireBody)
_ALERT = msgspec.json.Decoder(WireAlert)


def parse_webhook(body: bytes, source: str, received_at: datetime) -> Webhook:
    """What one webhook body says. One alert that cannot be read costs the others nothing.

    Times after `received_at` are taken as `received_at`: a sender's clock that is ahead would make every later delivery
    look late, and hold the alert open.

    Raises: PayloadTooLarge over 16 MiB; PayloadError when the body as a whole is no webhook.
    """
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"the body has {len(body)} bytes; at most {MAX_BODY_BYTES} are read")
    try:
        wire = _BODY.decode(body)
    except RecursionError as error:
        raise PayloadError("not an Alertmanager webhook of version 4: nested too deeply") from error
    except ValueError as error:  # msgspec's own errors, and UnicodeDecodeError
        raise PayloadError(f"not an Alertmanager webhook of version 4: {error}") from error
    if wire.truncated_alerts:
        log.warning("alerts were cut off; set max_alerts: 0", extra={"source": source, "alerts": wire.truncated_alerts})
    alerts, raw, refused = [], [], []
    for n, one in enumerate(map(bytes, wire.alerts)):
        try:
            alerts.append(_event(_ALERT.decode(one), source, received_at))
            raw.append(one)
        except RecursionError:
            refused.append(Refused(n, f"alerts[{n}]: nested too deeply", body_of([one])))
        except (ValueError, PayloadError) as error:
            refused.append(Refused(n, f"alerts[{n}]: {error}", body_of([one])))
    sender = wire.external_url[:MAX_SENDER] if isinstance(wire.external_url, str) else ""
    return Webhook(tuple(alerts), tuple(raw), tuple(refused), sender, wire.truncated_alerts)


def read_alert(told: Mapping[str, Any], source: str, received_at: datetime) -> AlertEvent:
    """One alert, decoded but not yet checked, under the same limits as one of a webhook.

    Raises: PayloadError.
    """
    try:
        return _event(msgspec.convert(told, WireAlert), source, received_at)
    except ValueError as error:
        raise PayloadError(str(error)) from error


def body_of(alerts: Iterable[bytes]) -> bytes:
    """A webhook of these alerts, each as it came."""
    return b'{"version":"4","alerts":[' + b",".join(alerts) + b"]}"


def render_webhook(alert: AlertEvent, *, receiver: str) -> bytes:
    """One alert as Alertmanager would send it alone: what `parse_webhook` reads back as the same event."""
    wire = {
        "version": "4",
        "groupKey": f"{{}}:{{{alert.fingerprint}}}",
        "truncatedAlerts": 0,
        "status": alert.status,
        "receiver": receiver,
        "groupLabels": alert.labels,
        "commonLabels": alert.labels,
        "commonAnnotations": alert.annotations,
        "externalURL": "",
        "alerts": [_wire(alert)],
    }
    return msgspec.json.encode(wire)


def render_alert(alert: AlertEvent) -> bytes:
    """One alert as it stands in a webhook: for `body_of`."""
    return msgspec.json.encode(_wire(alert))


def _wire(alert: AlertEvent) -> dict[str, Any]:
    return {
        "status": alert.status,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "endsAt": alert.ends_at or datetime(1, 1, 1, tzinfo=UTC),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    }


def fingerprint(labels: Mapping[str, str]) -> str:
    """The identity of a label set, 16 hex digits: FNV-1a 64 as in prometheus/common model.LabelSet.Fingerprint."""
    separator = b"\xff"
    digest = 14695981039346656037
    for name, value in sorted((name.encode(), value.encode()) for name, value in labels.items()):
        for byte in name + separator + value + separator:
            digest = (digest ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"


def _event(alert: WireAlert, source: str, received_at: datetime) -> AlertEvent:
    starts_at = min(received_at, _utc(alert.starts_at, "startsAt"))
    ends_at = None
    if alert.status == "resolved":
        if alert.ends_at is None or alert.ends_at.year == 1:
            raise PayloadError("endsAt: a resolved alert needs the time of its end")
        ends_at = max(starts_at, min(received_at, _utc(alert.ends_at, "endsAt")))
    annotations = list(alert.annotations.items())[:MAX_ANNOTATIONS]
    return AlertEvent(
        source=source,
        fingerprint=alert.fingerprint,
        status=alert.status,
        labels=_storable(alert.labels),
        annotations=_storable({name[:MAX_ANNOTATION_NAME]: text[:MAX_ANNOTATION] for name, text in annotations}),
        starts_at=starts_at,
        ends_at=ends_at,
        generator_url=alert.generator_url,
    )


def _utc(value: datetime, field: str) -> datetime:
    if not 1970 <= value.year < 9999:
        raise PayloadError(f"{field}: {value.isoformat()} is no time an alert can have; check the sender's clock")
    return value.astimezone(UTC)


def _storable(texts: Mapping[str, Any]) -> dict[str, str]:
    # PostgreSQL keeps no NUL in text; Prometheus lets one into a label value
    return {name.replace("\0", "\ufffd"): value.replace("\0", "\ufffd") for name, value in texts.items()}
