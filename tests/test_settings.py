"""Settings from the environment: what is wrong is told by the variable's name."""

from __future__ import annotations

import pytest

from burnline.errors import SpecError
from burnline.settings import read_settings


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("BURNLINE_PORT", "abc", "should be a valid integer"),
        ("BURNLINE_PORT", "99999", "should be less than or equal to 65535"),
        ("BURNLINE_LEASE_SECONDS", "0", "should be greater than 0"),
        ("BURNLINE_LEASE_SECONDS", "nan", "should be less than or equal to 3600"),
        ("BURNLINE_ALLOWED_HOSTS", '["burnline"]', "should be host names with commas between"),
        ("BURNLINE_ALLOWED_HOSTS", "http://burnline", "should be host names with commas between"),
        ("BURNLINE_ALERTMANAGERS", "am:9093", "should be URLs with commas between"),
        ("BURNLINE_ALERTMANAGERS", "ftp://am-2", "should be URLs with commas between"),
        ("BURNLINE_PROMETHEUS_URL", "prometheus:9090", "should be a URL, like http://prometheus:9090"),
        ("BURNLINE_OTLP_ENDPOINT", "ftp://otel", "should be a URL"),
        ("BURNLINE_ALLOWED_HOSTS", "*burnline", "should be host names with commas between"),
    ],
)
def test_a_wrong_setting_is_told_in_words(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SpecError) as error:
        read_settings()

    assert f"environment: {variable}: " in str(error.value)
    assert value in str(error.value)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(
            (f"BURNLINE_{name}", f"{scheme}://{login}@h")
            for name, scheme in (
                ("SMTP", "smtp"),
                ("PUBLIC_URL", "https"),
                ("ALERTMANAGERS", "ftp"),
                ("ALERTMANAGERS", "http"),
                ("PROMETHEUS_URL", "http"),
                ("OTLP_ENDPOINT", "http"),
            )
            for login in ("u:CAN/ARY", "u:CAN/A@RY", "u:CAN:A/RY", "u:CAN?A/RY")
        ),
        ("BURNLINE_SMTP", "smtp://u:CAN@ARY@h:587"),
        ("BURNLINE_SMTP", "u:CANARY@h:587"),
        ("BURNLINE_ALERTMANAGERS", "ftp://u:CAN:ARY@h"),
        ("BURNLINE_ALERTMANAGERS", "http//u:CANARY@h"),
        ("BURNLINE_ALERTMANAGERS", "http://u:CAN,ARY@h"),
        ("BURNLINE_ALERTMANAGERS", "https://h/?key=CANARY"),
    ],
)
def test_a_password_in_a_wrong_setting_is_not_repeated(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SpecError) as error:
        read_settings()

    assert variable in str(error.value)
    assert "CAN" not in str(error.value)
    assert "RY" not in str(error.value)


def test_every_wrong_setting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_PORT", "abc")
    monkeypatch.setenv("BURNLINE_LEASE_SECONDS", "soon")

    with pytest.raises(SpecError) as error:
        read_settings()

    assert len(error.value.problems) == 2


def test_hosts_are_written_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_ALLOWED_HOSTS", "burnline, *.example.com,[::1]")

    assert read_settings().allowed_hosts == ("burnline", "*.example.com", "[::1]")


def test_alertmanagers_are_written_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_ALERTMANAGERS", "http://am-1:9093/, https://am.example.com/am,")

    assert read_settings().alertmanagers == ("http://am-1:9093", "https://am.example.com/am")


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_PORT", "9000")

    assert read_settings().port == 9000
    assert read_settings(port=9001).port == 9001


def test_actions_are_on_or_off_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURNLINE_ACTIONS", "OFF")

    with pytest.raises(SpecError, match="BURNLINE_ACTIONS: 'OFF': should be 'on', 'dry-run' or 'off'"):
        read_settings()
