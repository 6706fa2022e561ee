"""Is there a driver for the GPU that is there? No GPU is quiet; a GPU without its driver is a failure."""

from __future__ import annotations

from pathlib import Path

import pynvml
import pytest

from burnline.collectors.gpu.session import Session, installed
from burnline.errors import CollectorError, NoData


def put(sys: Path, address: str, vendor: str, kind: str) -> None:
    device = sys / "bus/pci/devices" / address
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)


def test_a_host_without_a_gpu_is_quiet(tmp_path: Path, no_driver: None) -> None:
    put(tmp_path, "0000:00:02.0", "0x8086", "0x030000")
    put(tmp_path, "0000:00:03.0", "0x10de", "0x040300")  # the sound of a graphics card

    with pytest.raises(NoData, match="Driver Not Loaded"):
        Session(tmp_path).count()


@pytest.mark.parametrize("kind", ["0x030000", "0x030200"])
def test_a_gpu_whose_driver_did_not_load_is_a_failure(tmp_path: Path, no_driver: None, kind: str) -> None:
    put(tmp_path, "0000:00:06.0", "0x10de", kind)

    with pytest.raises(CollectorError, match=r"NVIDIA GPU is at 0000:00:06\.0") as caught:
        Session(tmp_path).count()

    assert not isinstance(caught.value, NoData)


def test_a_device_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bus/pci/devices/0000:00:01.0").mkdir(parents=True)

    assert installed(tmp_path) == ""
