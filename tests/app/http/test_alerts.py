"""POST /v1/alerts: committed unread, then acknowledged; what it means is for the worker behind it."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from burnline.store.inbox import ALERTS
from tests.alerting.bodies import alert, webhook
from tests.app.still import Still

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def test_a_webhook_is_kept_as_it_came_before_it_is_acknowledged(door: Still) -> None:
    body = webhook(alert(NOW))

    answer = door.alert(body)

    assert answer.status_code == 200
    [row] = door.kept(ALERTS)
    assert answer.json() == {"accepted": row.id}
    assert (row.body, row.source) == (body, "alertmanager")


def test_a_webhook_through_a_proxy_that_compresses_is_kept_as_it_was(door: Still) -> None:
    body = webhook(alert(NOW))

    assert door.alert(gzip.compress(body), content_encoding="gzip").status_code == 200

    assert [row.body for row in door.kept(ALERTS)] == [body]


@pytest.mark.parametrize(
    "body", [b"not json", b"[]", b'{"version": "3"}', b"[" * 100_000, b'{"alerts": [NaN]}', b"\xff"]
)
def test_poison_is_taken_and_quarantined_with_its_reason(door: Still, body: bytes) -> None:
    """Refused, it would be sent again and again; it must hold up no alert behind it."""
    assert door.alert(body).status_code == 200
    assert door.alert(webhook(alert(NOW))).status_code == 200

    door.app.alerts.run_once(NOW)

    assert door.kept(ALERTS) == []
    assert door.counted("burnline_inbox_dead_letters_total", kind="alerts") == 1
    assert door.counted("burnline_alerts_received_total", source="alertmanager", status="firing") == 1


def test_an_empty_body_is_refused(door: Still) -> None:
    answer = door.alert(b"")

    assert answer.status_code == 400
    assert "the body is empty" in answer.json()["error"]
    assert door.kept(ALERTS) == []


def test_the_content_type_does_not_matter(door: Still) -> None:
    assert door.alert(webhook(alert(NOW)), content_type="text/plain").status_code == 200


def test_ten_thousand_alerts_in_one_body_are_taken(door: Still) -> None:
    body = webhook(*[alert(NOW, fingerprint=f"{n:016x}") for n in range(10_000)])

    assert door.alert(body).status_code == 200
    assert len(door.kept(ALERTS)[0].body) == len(body)


def test_an_alert_is_received_at_the_time_of_the_steady_clock(door: Still, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which goes on when the wall clock is set back: an inbox in two times would be worked off in the wrong order."""
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(door.app, "clock", lambda: moment)

    door.alert(b'{"version": "4", "alerts": []}')

    [row] = door.kept(ALERTS)
    assert row.received_at == moment
