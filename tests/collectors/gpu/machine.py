"""A machine whose GPUs are as a scenario says: what the fake driver of tests/fakes/nvml reads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pynvml
import pytest

from burnline.collectors.gpu.collector import GpuCollector
from burnline.events import Sample

FAKE = Path(__file__).parents[2] / "fakes/nvml"
PROFILES = ("a100", "h100", "h100-alone", "h200", "l4", "t4")  # h100-alone: as read of a real one, under load
OWN_LABELS = ("gpu", "uuid", "model")
PATIENCE = timedelta(seconds=0.3)


def profile(name: str, *, gpu: int = 0) -> str:
    """The lines of one GPU that is like `name`."""
    lines = [f"uuid GPU-{name}-{gpu}", f"pci 00000000:{gpu + 16:02X}:00.0"]
    lines += (FAKE / "profiles" / f"{name}.txt").read_text().splitlines()
    return "".join(f"{gpu} {line}\n" for line in lines)


def host(*gpus: str, **machine: str | int) -> str:
    """A whole scenario: GPUs by profile, and what is said of the machine."""
    said: Mapping[str, str | int] = {"count": len(gpus), "driver": "580.65.06", "cuda": 13000, **machine}
    lines = "".join(f"* {field} {value}\n" for field, value in said.items())
    return lines + "".join(profile(name, gpu=number) for number, name in enumerate(gpus))


def say(scenario: str, gpu: int, field: str, value: str) -> str:
    """The scenario with one field said otherwise; the first line of a field counts."""
    return f"{gpu} {field} {value}\n{scenario}"


class Without:
    """A driver that lacks some functions, as older ones do."""

    def __init__(self, library: object, *missing: str) -> None:
        self._library = library
        self._missing = missing

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(name)
        return getattr(self._library, name)


class Machine:
    """The fake driver in this process, its scenario, and a collector."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> None:
        self._file = folder / "scenario"
        self._monkeypatch = monkeypatch
        self.scenario = ""
        self.proc = folder / "proc"
        self.collector = GpuCollector(
            interval=timedelta(seconds=15), proc=self.proc, each=PATIENCE, turn=4 * PATIENCE, clock=clock
        )
        monkeypatch.setenv("NVML_SCENARIO", str(self._file))

    def load(self, library: object) -> None:
        """Make `library` the driver."""
        self._monkeypatch.setattr(pynvml, "nvmlLib", library)
        self._monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})

    def set(self, scenario: str) -> None:
        """From the next call on; in one piece, for other threads read it too."""
        self.scenario = scenario
        fresh = self._file.with_suffix(".new")
        fresh.write_text(scenario, errors="surrogateescape")
        fresh.replace(self._file)

    def say(self, gpu: int, field: str, value: str) -> None:
        """Say one field otherwise."""
        self.set(say(self.scenario, gpu, field, value))

    def read(self, now: datetime) -> list[Sample]:
        return list(self.collector.collect(now))


def of(samples: list[Sample], gpu: int | str) -> dict[str, float]:
    """Values of one GPU by name; the values of labels beside the GPU's own are appended."""
    return {
        ":".join(
            [sample.name, *(value for name, value in sample.labels.items() if name not in OWN_LABELS)]
        ): sample.value
        for sample in samples
        if sample.labels.get("gpu") == str(gpu)
    }


def load(library: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(library))
