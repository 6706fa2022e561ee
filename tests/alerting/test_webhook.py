"""What POST /v1/alerts accepts, and what it says of the rest."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.alerting.webhook import (
    MAX_ALERTS,
    MAX_ANNOTATION,
    MAX_ANNOTATIONS,
    MAX_BODY_BYTES,
    MAX_LABELS,
    body_of,
    fingerprint,
    parse_webhook,
    render_webhook,
)
from burnline.errors import PayloadError, PayloadTooLarge
from burnline.events import AlertEvent
from tests.alerting.bodies import BURN, FINGERPRINT, alert, webhook

# Sent by Alertmanager 0.25.0 to a loopback receiver, with two keys that later versions add.
CAPTURED = b"""{"receiver":"burnline","status":"firing","alerts":[{"status":"firing","labels":{"alertname":
"ErrorBudgetBurn","service":"card-fraud","severity":"page","slo":"availability"},"annotations":{"summary":"burning"},
"startsAt":"2026-01-05T12:00:00.123456789Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":
"c5d6a24b0a1e6f34"}],"groupLabels":{"alertname":"ErrorBudgetBurn"},"commonLabels":{},"commonAnnotations":{},"externalURL":
"http://host:9093","version":"4","groupKey":"{}:{}","truncatedAlerts":0,"notification_reason":"new","routeLabels":{}}"""


LATER = datetime(2026, 1, 6, tzinfo=UTC)


def read(body: bytes, source: str = "am", received_at: datetime = LATER) -> tuple[AlertEvent, ...]:
    """The alerts of a body in which nothing is wrong."""
    parsed = parse_webhook(body, source, received_at)
    assert parsed.refused == ()
    return parsed.alerts


def test_a_firing_alert_is_read_as_it_was_sent() -> None:
    (event,) = read(CAPTURED, "alertmanager")

    assert event == AlertEvent(
        source="alertmanager",
        fingerprint="c5d6a24b0a1e6f34",
        status="firing",
        labels=BURN,
        annotations={"summary": "burning"},
        starts_at=datetime(2026, 1, 5, 12, 0, 0, 123457, tzinfo=UTC),
        ends_at=None,
    )


def test_a_resolved_alert_has_an_end(now: datetime) -> None:
    (event,) = read(webhook(alert(now, now + timedelta(minutes=3))))

    assert (event.status, event.ends_at) == ("resolved", now + timedelta(minutes=3))


def test_times_of_any_zone_become_utc(now: datetime) -> None:
    (event,) = read(webhook(alert(now, startsAt="2026-01-05T14:00:00+02:00")))

    assert event.starts_at == now
    assert event.starts_at.tzinfo is UTC


def test_an_end_before_the_start_is_taken_as_the_start(now: datetime) -> None:
    (event,) = read(webhook(alert(now, now - timedelta(seconds=1))))

    assert event.ends_at == now


def test_alerts_come_in_the_order_sent(now: datetime) -> None:
    body = webhook(*(alert(now, fingerprint=f"{n:016x}") for n in range(3)))

    events = read(body)

    assert [event.fingerprint for event in events] == [f"{n:016x}" for n in range(3)]


def test_a_body_without_alerts_is_no_error() -> None:
    assert read(webhook()) == ()


def test_a_nul_in_a_label_is_made_storable(now: datetime) -> None:
    (event,) = read(webhook(alert(now, labels={"alertname": "a\0b"})))

    assert event.labels == {"alertname": "a\ufffdb"}


def test_annotations_that_are_too_long_or_too_many_are_cut_and_cost_no_alert(now: datetime) -> None:
    many = {f"a{n}": "x" * (MAX_ANNOTATION + 1) for n in range(MAX_ANNOTATIONS + 1)}

    (event,) = read(webhook(alert(now, annotations=many)))

    assert event.annotations == {f"a{n}": "x" * MAX_ANNOTATION for n in range(MAX_ANNOTATIONS)}


def test_a_clock_that_is_ahead_is_set_back_to_the_arrival(now: datetime) -> None:
    ahead = now + timedelta(hours=2)

    firing, resolved = read(webhook(alert(ahead), alert(now, ahead)), received_at=now)

    assert (firing.starts_at, resolved.starts_at, resolved.ends_at) == (now, now, now)


def test_truncated_alerts_are_logged(now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read(webhook(alert(now), truncatedAlerts=7))

    assert "max_alerts: 0" in caplog.text


def _without(key: str) -> dict[str, Any]:
    whole = alert(datetime(2026, 1, 5, tzinfo=UTC))
    del whole[key]
    return whole


START = datetime(2026, 1, 5, tzinfo=UTC)
BAD_BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "truncated"),
    "not json": (b"alert!", "malformed"),
    "not utf-8": (b'{"version":"\xff"}', "utf-8"),
    "a bare list": (b"[]", "Expected `object`"),
    "an old version": (webhook(version="3"), "$.version"),
    "no version": (b'{"alerts":[]}', "version"),
    "alerts is no list": (webhook().replace(b"[]", b"{}"), "$.alerts"),
    "a lone surrogate": (webhook(alert(START, labels={"a": "\ud800"})), "malformed"),
    "a NaN": (webhook(alert(START), extra=float("nan")), "malformed"),
    "deeply nested": (b'{"version":"4","alerts":[],"x":' + b"[" * 1_000_000, "nested too deeply"),
    "a negative count": (webhook(truncatedAlerts=-1), "truncatedAlerts"),
}


BAD_ALERTS: dict[str, tuple[bytes, str]] = {
    "a number for an alert": (webhook(7), "alerts["),  # type: ignore[arg-type]  # that is the point
    "no labels": (webhook(_without("labels")), "alerts["),
    "no start": (webhook(_without("startsAt")), "alerts["),
    "no fingerprint": (webhook(_without("fingerprint")), "alerts["),
    "the second is wrong": (webhook(alert(START), alert(START, status="gone")), "alerts["),
    "a short fingerprint": (webhook(alert(START, fingerprint="abc")), "fingerprint"),
    "a fingerprint with a newline": (webhook(alert(START, fingerprint=FINGERPRINT + "\n")), "fingerprint"),
    "a label that is a number": (webhook(alert(START, labels={"a": 1})), "labels"),  # type: ignore[dict-item]  # same
    "a time without a zone": (webhook(alert(START, startsAt="2026-01-05T12:00:00")), "startsAt"),
    "a time that is none": (webhook(alert(START, startsAt="yesterday")), "startsAt"),
    "a start in the year 1": (webhook(alert(START, startsAt="0001-01-01T00:00:00Z")), "startsAt"),
    "the end of all time": (webhook(alert(START, START, endsAt="9999-12-31T23:59:59-12:00")), "endsAt"),
    "resolved without an end": (
        webhook(alert(START, status="resolved", endsAt="0001-01-01T00:00:00+01:00")),
        "endsAt",
    ),
    "too many labels": (webhook(alert(START, labels={f"l{n}": "" for n in range(MAX_LABELS + 1)})), "labels"),
    "a label too long": (webhook(alert(START, labels={"a": "x" * 5000})), "labels"),
    "a label name too long": (webhook(alert(START, labels={"x" * 300: ""})), "labels"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_wrong_body_is_refused_with_the_place(case: str) -> None:
    body, place = BAD_BODIES[case]

    with pytest.raises(PayloadError, match=re.escape(place)):
        parse_webhook(body, "am", LATER)


@pytest.mark.parametrize("case", BAD_ALERTS)
def test_a_wrong_alert_is_refused_with_its_place_and_kept_by_itself(case: str) -> None:
    body, place = BAD_ALERTS[case]

    (refused,) = parse_webhook(body, "am", LATER).refused
    (again,) = parse_webhook(refused.body, "am", LATER).refused

    assert place in refused.reason
    assert again.index == 0


def test_a_wrong_alert_costs_the_others_of_its_body_nothing(now: datetime) -> None:
    good = [alert(now, fingerprint=f"{n:016x}") for n in range(3)]

    parsed = parse_webhook(webhook(good[0], 7, good[1], alert(now, labels={"a": "x" * 5000}), good[2]), "am", now)  # type: ignore[arg-type]

    assert [event.fingerprint for event in parsed.alerts] == [f"{n:016x}" for n in range(3)]
    assert [refused.index for refused in parsed.refused] == [1, 3]
    assert read(body_of(parsed.raw), received_at=now) == parsed.alerts


def test_a_body_over_16_mib_is_too_large() -> None:
    with pytest.raises(PayloadTooLarge, match="16777216"):
        parse_webhook(b" " * (MAX_BODY_BYTES + 1), "am", LATER)


def test_too_many_alerts_are_refused(now: datetime) -> None:
    one = json.dumps(alert(now)).encode()
    body = webhook().replace(b'"alerts": []', b'"alerts": [' + b",".join([one] * (MAX_ALERTS + 1)) + b"]")

    with pytest.raises(PayloadError):
        parse_webhook(body[:MAX_BODY_BYTES], "am", LATER)


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_does_worse_than_a_payload_error(body: bytes) -> None:
    with pytest.raises(PayloadError):
        parse_webhook(body, "am", LATER)


def test_what_the_embedded_engine_writes_reads_back_the_same(now: datetime) -> None:
    for ends_at in (None, now + timedelta(minutes=1)):
        event = AlertEvent("embedded", FINGERPRINT, "resolved" if ends_at else "firing", BURN, {"a": "b"}, now, ends_at)

        assert read(render_webhook(event, receiver="embedded"), "embedded") == (event,)


def test_the_fingerprint_of_no_labels_is_the_fnv_offset() -> None:
    assert fingerprint({}) == "cbf29ce484222325"


def test_the_fingerprint_does_not_depend_on_the_order_of_labels() -> None:
    assert fingerprint(BURN) == fingerprint(dict(reversed(BURN.items())))


def test_names_and_values_are_kept_apart_in_a_fingerprint() -> None:
    assert len({fingerprint({"a": "bc"}), fingerprint({"ab": "c"}), fingerprint({"a": "b", "c": ""})}) == 3
