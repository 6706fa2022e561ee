"""What burnline reads of the machine it runs on, as one line."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from burnline import metrics as m
from burnline.metrics import gpu, host


@dataclass
class Machine:
    """The last two readings of burnline's /metrics that differ; rates are between them."""

    readings: list[list[Sample]] = field(default_factory=list)

    def note(self, page: str) -> None:
        """Take a page, unless the host was not read again since the last one."""
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        if _read_at(samples) > (_read_at(self.readings[-1]) if self.readings else 0):
            self.readings = [*self.readings[-1:], samples]

    def line(self) -> str:
        """CPU, memory, pressure, disk, network and GPU; a reading that this machine does not give is left out."""
        if len(self.readings) < 2:
            return "this host: not read twice yet"
        parts = (self._cpu(), self._memory(), self._pressure(), self._disk(), self._network(), self._gpu())
        return "this host: " + ", ".join(part for part in parts if part)

    def _cpu(self) -> str:
        cpus = self._now(host.CPUS)
        return f"CPU {_share(1 - self._rate(host.CPU_SECONDS, mode='idle') / cpus)} of {cpus:.0f}" if cpus else ""

    def _memory(self) -> str:
        size = self._now(host.MEMORY_SIZE)
        return f"memory {_share(1 - self._now(host.MEMORY_AVAILABLE) / size)} of {_bytes(size)}" if size else ""

    def _pressure(self) -> str:
        resources = self._values(host.PRESSURE, "resource")
        waited = (f"{name} {_share(self._rate(host.PRESSURE, resource=name, stall='some'))}" for name in resources)
        return "pressure " + " ".join(waited) if resources else ""

    def _disk(self) -> str:
        busy = [self._rate(host.DISK_BUSY, device=device) for device in self._values(host.DISK_BUSY, "device")]
        return f"disk {_share(max(busy))}" if busy else ""

    def _network(self) -> str:
        received, sent = self._rate(host.NETWORK_RECEIVED), self._rate(host.NETWORK_SENT)
        return f"network {_bytes(received)}/s in, {_bytes(sent)}/s out"

    def _gpu(self) -> str:
        gpus = len(self._values(gpu.UP, "gpu"))
        if not gpus:
            return "no GPU"
        used, size = self._now(gpu.MEMORY_USED), self._now(gpu.MEMORY_SIZE)
        return f"GPU {_share(self._now(gpu.UTILIZATION) / gpus)} of {gpus} with {_bytes(used)} of {_bytes(size)} used"

    def _values(self, name: str, label: str) -> list[str]:
        return list(dict.fromkeys(sample.labels[label] for sample in self.readings[-1] if sample.name == name))

    def _now(self, name: str) -> float:
        return _sum(self.readings[-1], name)

    def _rate(self, name: str, **labels: str) -> float:
        before, now = self.readings
        return (_sum(now, name, **labels) - _sum(before, name, **labels)) / (_read_at(now) - _read_at(before))


def _read_at(samples: list[Sample]) -> float:
    return _sum(samples, m.COLLECTOR_LAST_SUCCESS, collector="host")


def _sum(samples: list[Sample], name: str, **labels: str) -> float:
    return sum(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())


def _share(number: float) -> str:
    return f"{min(1.0, max(0.0, number)):.0%}"


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
