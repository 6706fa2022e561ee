"""NVMe controllers and namespaces: /sys/class/nvme. Nothing here sends a command to a controller, which may hang."""

from __future__ import annotations

import re
from collections.abc import Iterator

from burnline.collectors.host.files import Files
from burnline.events import Sample
from burnline.metrics import host as names

ROOT = "sys/class/nvme"
SECTOR_BYTES = 512  # of /sys/block/*/size
_CONTROLLER = re.compile(r"nvme\d+")
_NAMESPACE = re.compile(r"(nvme\d+)(?:c\d+)?(n\d+)")  # a path of several to one namespace is nvme0c1n1


def read_nvme(files: Files) -> list[Sample]:
    """Each controller once, each namespace once however many paths lead to it."""
    samples: list[Sample] = []
    spaces: set[str] = set()
    for device in files.entries(ROOT):
        if _CONTROLLER.fullmatch(device):
            samples += _controller(files, device)
            found = map(_NAMESPACE.fullmatch, files.entries(f"{ROOT}/{device}"))
            spaces |= {match[1] + match[2] for match in found if match}
    for space in sorted(spaces):
        sectors = files.number(f"sys/block/{space}/size")
        if sectors is not None:
            samples.append(Sample(names.NVME_SIZE, {"device": space}, sectors * SECTOR_BYTES))
    return samples


def _controller(files: Files, device: str) -> Iterator[Sample]:
    folder, of = f"{ROOT}/{device}", {"device": device}
    said = {
        "model": files.word(f"{folder}/model") or "",
        "serial": files.word(f"{folder}/serial") or "",
        "firmware": files.word(f"{folder}/firmware_rev") or "",
        "transport": files.word(f"{folder}/transport") or "",
    }
    yield Sample(names.NVME_INFO, {**of, **said}, 1)
    if state := files.word(f"{folder}/state"):
        yield Sample(names.NVME_UP, of, float(state == "live"))
