"""Reading files that somebody else names: regular ones, and no more of them than fits."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from burnline.spec.regular import read_regular, replace_regular


def test_a_file_of_the_limit_is_read_whole_and_a_larger_one_is_refused(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"12345")
    link.symlink_to(file)

    assert read_regular(link, 5) == b"12345"
    with pytest.raises(ValueError, match="larger than 4 bytes"):
        read_regular(file, 4)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises((ValueError, IsADirectoryError)):
            read_regular(path, 100)


def test_what_cannot_be_opened_is_an_os_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))

        for path in (tmp_path / "none", tmp_path / "socket"):
            with pytest.raises(OSError, match=path.name):
                read_regular(path, 100)


def test_a_file_is_replaced_whole_and_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)

    with file.open("rb") as reader:
        replace_regular(link, b"new")

        assert reader.read() == b"old"
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o640)
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [file, link]


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere/file"):
        replace_regular(tmp_path / "nowhere" / "file", b"new")
    with pytest.raises(IsADirectoryError):
        replace_regular(tmp_path, b"new")

    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe, found = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()

    replace_regular(pipe, b"new")

    reader.join()
    assert found == [b"new"]
    assert pipe.is_fifo()
