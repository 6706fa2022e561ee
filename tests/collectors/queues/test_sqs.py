"""SQS through botocore, against a fake that speaks its protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from burnline.errors import CollectorError
from tests.collectors.queues.conftest import Look, Watch
from tests.fakes.sqs import ACCOUNT, FakeSqs
from tests.fakes.web import serving
from tests.programs import free_port

URL = f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/jobs"


@pytest.fixture
def sqs() -> FakeSqs:
    return FakeSqs({"jobs": (7, 2, 1), "idle": (0, 0, 0)})


@pytest.fixture
def queue(sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """As a service file has it; botocore finds nothing of this machine's."""
    for name, value in {"ACCESS_KEY_ID": "AKIAENV", "SECRET_ACCESS_KEY": "from-env"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", "/not/there")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with serving(sqs) as url:
        yield {"sqs": URL, "region": "eu-central-1", "endpoint": url}


def test_a_queue_shows_what_waits_what_is_held_and_what_comes_later(
    queue: dict[str, Any], watch_queue: Watch, look: Look
) -> None:
    assert look(watch_queue(**queue)) == {"messages_ready": 7, "messages_inflight": 2, "messages_delayed": 1}


def test_a_queue_in_which_nothing_waits_is_of_age_0(queue: dict[str, Any], watch_queue: Watch, look: Look) -> None:
    seen = look(watch_queue(**{**queue, "sqs": URL.replace("jobs", "idle")}))

    assert (seen["messages_ready"], seen["oldest_message_age_seconds"]) == (0, 0)


def test_a_queue_that_is_not_there_is_named(queue: dict[str, Any], watch_queue: Watch, look: Look) -> None:
    url = URL.replace("jobs", "nope")

    with pytest.raises(CollectorError, match=f"there is no queue '{url}'"):
        look(watch_queue(**{**queue, "sqs": url}))


def test_the_environments_key_signs_unless_the_file_names_another(
    sqs: FakeSqs, queue: dict[str, Any], watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQS_KEY", "AKIAOWN")
    monkeypatch.setenv("SQS_SECRET", "hunter2")

    look(watch_queue(**queue))
    look(watch_queue(**queue, user="env:SQS_KEY", password="env:SQS_SECRET"))

    assert sqs.keys == ["AKIAENV", "AKIAOWN"]


def test_a_refusal_is_repeated_without_secrets(
    sqs: FakeSqs, queue: dict[str, Any], watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQS_KEY", "AKIAOWN")
    monkeypatch.setenv("SQS_SECRET", "hunter2")
    sqs.refuse = (403, "AccessDenied", "not with AKIAOWN and hunter2")

    with pytest.raises(CollectorError, match=r"SQS answered AccessDenied: not with \.\.\. and \.\.\."):
        look(watch_queue(**queue, user="env:SQS_KEY", password="env:SQS_SECRET"))


def test_an_outage_is_an_error_and_then_well_again(
    sqs: FakeSqs, queue: dict[str, Any], watch_queue: Watch, look: Look
) -> None:
    collector = watch_queue(**queue)
    sqs.hang_up = True
    with pytest.raises(CollectorError, match=r"Connection was closed|Could not connect"):
        look(collector)
    sqs.hang_up = False

    assert look(collector)["messages_ready"] == 7


def test_an_answer_without_a_count_leaves_it_absent(
    sqs: FakeSqs, queue: dict[str, Any], watch_queue: Watch, look: Look
) -> None:
    sqs.queues["jobs"] = ("many", -1, 3)  # type: ignore[assignment]  # as no SQS answers

    assert look(watch_queue(**queue)) == {"messages_delayed": 3}


def test_without_credentials_it_says_so(
    queue: dict[str, Any], watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    with pytest.raises(CollectorError, match="Unable to locate credentials"):
        look(watch_queue(**{**queue, "endpoint": f"http://127.0.0.1:{free_port()}"}))


def test_a_missing_library_is_named_with_its_extra(
    queue: dict[str, Any], watch_queue: Watch, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "botocore.session", None)

    with pytest.raises(CollectorError, match=r"needs the library botocore: pip install 'burnline\[sqs\]'"):
        look(watch_queue(**queue))
