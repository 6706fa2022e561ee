"""What sends for the client: how long it pauses, and what it never says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from burnline.client import sender
from burnline.client.sender import Meaning, Sender, pause, retry_after


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("0", 0.0), (None, None), ("soon", None), ("-1", -1.0), ("", None)]
)
def test_retry_after_is_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_retry_after_is_a_date_too() -> None:
    later = datetime.now(UTC) + timedelta(seconds=60)

    seconds = retry_after(later.strftime("%a, %d %b %Y %H:%M:%S GMT"))

    assert seconds is not None
    assert 50 < seconds <= 60


def test_pauses_grow_and_are_bounded() -> None:
    assert pause(0, 5.0) == 5.0
    assert pause(0, 10_000.0) == sender.LONGEST_ASKED_SECONDS
    assert pause(0, 0.0) == sender.FIRST_PAUSE_SECONDS
    assert all(pause(tries, None) <= sender.LONGEST_PAUSE_SECONDS for tries in range(2000))
    assert pause(0, None) < 0.26 < pause(6, None)


@pytest.mark.parametrize("url", ["http://u:PASS@127.0.0.1:9", "http://u:PASS/x@127.0.0.1", "u:PASS@x"])
def test_neither_token_nor_password_is_said_where_the_address_is_wrong(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Sender(url, "sek\nret", 1, None).post("/v1/predictions", b"{}", "key")

    assert answer.meaning is Meaning.AGAIN
    assert [secret for secret in ("PASS", "sek") if secret in f"{answer.reason} {caplog.text}"] == []
