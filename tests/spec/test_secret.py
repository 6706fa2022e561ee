"""Secrets by reference: read where they are kept, and never repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnline.errors import SecretError
from burnline.spec.secret import read_secret


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_PASSWORD", "hunter2")

    assert read_secret("env:QUEUE_PASSWORD") == "hunter2"


def test_the_newline_at_the_end_of_a_file_is_no_part_of_the_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")

    assert read_secret(f"file:{tmp_path}/password") == "hunter2"


@pytest.mark.parametrize("reference", ["env:BURNLINE_TEST_NOT_THERE", "file:/not/there"])
def test_a_missing_secret_is_named(reference: str) -> None:
    with pytest.raises(SecretError, match=f"the secret {reference} is not there"):
        read_secret(reference)


def test_an_empty_secret_and_one_that_is_no_text_are_refused_without_their_bytes(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfesecret")

    with pytest.raises(SecretError, match="is empty"):
        read_secret(f"file:{tmp_path}/empty")
    with pytest.raises(SecretError, match=r"bytes is not there$"):
        read_secret(f"file:{tmp_path}/bytes")


def test_a_device_without_an_end_is_no_secret() -> None:
    with pytest.raises(SecretError, match="/dev/zero is not there"):
        read_secret("file:/dev/zero")
