"""GPUs that do not answer are told where people look: by `burnline check --live`, and beside the collector."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from burnline.app.live import check_live
from burnline.collectors.contract import Profiled
from burnline.collectors.gpu.collector import silent
from burnline.events import Sample
from burnline.metrics import gpu as names
from tests.collectors.gpu.machine import Machine, host

SERVICE = "apiVersion: burnline/v1\nservice: chat\nowner: team\ncollect:\n- gpu\n"

pytestmark = pytest.mark.integration


def test_gpus_that_do_not_answer_are_noted_until_they_do(machine: Machine, now: datetime) -> None:
    machine.set(host("h100", "h100", "h100", "h100"))
    machine.read(now)
    machine.say(1, "lost", "1")
    machine.say(3, "lost", "1")

    machine.read(now)

    note = "2 of 4 GPUs do not answer (1 GPU-h100-1, 3 GPU-h100-3): drain the host"
    assert list(machine.collector.notes) == [note]
    machine.set(host("h100", "h100", "h100", "h100"))
    machine.read(now)
    assert not list(machine.collector.notes)
    assert isinstance(machine.collector, Profiled)


@pytest.mark.parametrize(
    ("lost", "seen"), [([0], "3 of 4 GPUs (Tesla T4, Tesla T4, Tesla T4), "), ([0, 1, 2, 3], "0 of 4 GPUs, 5 series")]
)
def test_a_look_at_the_sources_says_that_gpus_do_not_answer(
    machine: Machine,
    now: datetime,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lost: tuple[int, ...],
    seen: str,
) -> None:
    file = tmp_path / "chat.yaml"
    file.write_text(SERVICE)
    machine.set(host("t4", "t4", "t4", "t4"))
    for index in lost:
        machine.say(index, "lost", "1")

    check_live(file, now)

    out, err = capsys.readouterr()
    assert f"chat.yaml:5: collect[0]: nvml: {seen}" in out
    verb = f"note: {file}:5: collect[0]: {len(lost)} of 4 GPUs do not answer"
    assert verb in err


def test_one_gpu_alone_is_told_in_the_singular() -> None:
    said = silent([Sample(names.UP, {"gpu": "0", "uuid": "", "model": ""}, 0)])

    assert said == ("1 of 1 GPU does not answer (0): drain the host",)
