"""A failure's kind is one of a few words, whatever the failure says."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from burnline.collectors.reasons import REASONS, reason_of
from burnline.errors import CollectorError, NoData, PayloadError, PayloadTooLarge, SecretError
from burnline.spec.secret import read_secret


def caused_by(cause: BaseException | None) -> CollectorError:
    """As collectors raise it."""
    try:
        raise CollectorError("http://example.com: it did not work") from cause
    except CollectorError as error:
        return error


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (httpx.ConnectTimeout("no"), "timeout"),
        (TimeoutError(), "timeout"),
        (httpx.ConnectError("refused"), "unreachable"),
        (ConnectionRefusedError(), "unreachable"),
        (socket.gaierror(), "unreachable"),
        (PermissionError("/proc/1/mounts"), "refused"),
        (SecretError("env:X"), "refused"),
        (PayloadTooLarge("32 MiB"), "too_large"),
        (PayloadError("gzip"), "malformed"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), "malformed"),
        (ValueError("line 7"), "malformed"),
        (KeyError("used"), "malformed"),
        (OSError("disk"), "system"),
        (None, "other"),
    ],
)
def test_the_cause_gives_the_word(cause: BaseException | None, reason: str) -> None:
    assert reason_of(caused_by(cause)) == reason


@pytest.mark.parametrize("reference", ["env:BURNLINE_TEST_NOT_THERE", "file:/not/there", "file:/\0"])
def test_a_secret_that_is_not_there_is_refused_whatever_kept_it(reference: str) -> None:
    with pytest.raises(SecretError) as missing:
        read_secret(reference)

    assert reason_of(caused_by(missing.value)) == "refused"


def test_what_a_collector_did_not_foresee_is_a_bug() -> None:
    assert reason_of(ZeroDivisionError()) == "bug"


def test_a_class_of_any_name_gives_no_other_word() -> None:
    hostile = type('Evil"\n{reason="x"}', (Exception,), {})

    assert reason_of(caused_by(hostile())) in REASONS
    assert reason_of(NoData("nothing")) in REASONS


def test_a_cause_that_is_its_own_cause_ends() -> None:
    one, other = ValueError(), TimeoutError()
    one.__cause__, other.__cause__ = other, one

    assert reason_of(caused_by(one)) == "timeout"


def test_every_word_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/exposition.md").read_text()

    assert [word for word in REASONS if f"| `{word}` |" not in page] == []
