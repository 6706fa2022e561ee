"""The fake driver, compiled once."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.collectors.gpu.machine import FAKE, Machine, host, load
from tests.programs import program


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of the compiled library."""
    library = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run([program("gcc"), *options, "-o", str(library), str(FAKE / "nvml.c"), "-lpthread"], check=True)
    return library


@pytest.fixture(scope="session")
def library(driver: Path) -> ctypes.CDLL:
    return load(driver)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[Machine]:
    """A machine without a driver yet."""
    machine = Machine(tmp_path, monkeypatch, now.timestamp)
    yield machine
    if machine.scenario:
        machine.set("".join(line for line in machine.scenario.splitlines(keepends=True) if "hang" not in line))
    machine.collector.close()


@pytest.fixture
def machine(bare: Machine, library: ctypes.CDLL) -> Machine:
    """A machine with one H100."""
    bare.load(library)
    bare.set(host("h100"))
    return bare
