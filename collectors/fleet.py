"""How many GPUs a service pays for, by whoever gives their series: those that are lost too, for they cost as much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from burnline.collectors.profiles.load import load_profile
from burnline.events import Collection, Sample
from burnline.metrics import gpu
from burnline.spec.collect import ScrapeSpec
from burnline.spec.service import ServiceSpec

GPU = "burnline_gpu_"
LOST = timedelta(days=1)  # a GPU that its exporter no longer names: then it was taken away

Source = tuple[str, str]  # collector, target


@dataclass(frozen=True, slots=True)
class Counted:
    """GPUs now; `idle` of them do nothing or are lost (None: not known)."""

    gpus: int
    idle: float | None


@dataclass(slots=True)
class _Gpu:
    lost: bool = False
    used: float | None = None


class Fleet:
    """The GPUs of one service: of its own pages where these tell of GPUs, and of this machine.

    Exporters but burnline's do not say that a GPU is lost: it is no longer on their page. While the page is read, such
    a GPU stays for a day.
    """

    def __init__(self, spec: ServiceSpec, *, idle_below: float) -> None:
        own = {spec.service} if has_page(spec) and "gpu" not in spec.collect else {spec.service, ""}
        self._services = own
        self._idle_below = idle_below
        self._seen: dict[str, tuple[Source, datetime]] = {}

    def count(self, turns: Iterable[Collection], now: datetime) -> Counted:
        """Of the turns that are fresh and well; a GPU that two of them tell of is one, by its uuid."""
        found: dict[str, _Gpu] = {}
        sources: set[Source] = set()
        for turn in turns:
            if turn.service in self._services:
                source = (turn.collector, turn.target)
                sources.add(source)
                self._read(turn.samples, source, now, found)
        self._seen = {key: seen for key, seen in self._seen.items() if now - seen[1] <= LOST}
        for key, (source, _) in self._seen.items():
            if key not in found and source in sources:
                found[key] = _Gpu(lost=True)
        return self._counted(list(found.values()))

    def _read(self, samples: Iterable[Sample], source: Source, now: datetime, found: dict[str, _Gpu]) -> None:
        told = [sample for sample in samples if sample.name.startswith(GPU) and "gpu" in sample.labels]
        says_lost = any(sample.name == gpu.UP for sample in told)
        for sample in told:
            key = _key(sample, source)
            each = found.setdefault(key, _Gpu())
            if sample.name == gpu.UP:
                each.lost |= not sample.value
            elif sample.name == gpu.UTILIZATION:
                each.used = max(each.used or 0.0, sample.value)
            if not says_lost:
                self._seen[key] = source, now

    def _counted(self, gpus: list[_Gpu]) -> Counted:
        well = [each for each in gpus if not each.lost]
        used = [each.used for each in well if each.used is not None]
        if not gpus or (well and not used):
            return Counted(len(gpus), None)
        share = sum(value < self._idle_below for value in used) / len(used) if used else 0.0
        return Counted(len(gpus), len(gpus) - len(well) + share * len(well))


def has_page(spec: ServiceSpec) -> bool:
    """Whether a page of the service tells of GPUs."""
    pages = (item.profile for item in spec.collect if isinstance(item, ScrapeSpec))
    return any(gpu.UTILIZATION in load_profile(page).quantities for page in pages)


def _key(sample: Sample, source: Source) -> str:
    labels = sample.labels
    return labels.get("uuid") or " ".join((*source, labels.get("host", ""), labels["gpu"]))
