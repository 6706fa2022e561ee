"""Whether a node_exporter of this same machine is scraped. Machine metrics are told once: then burnline tells none.

A page is node_exporter's when it has `node_boot_time_seconds`, and of this machine when that is when this machine
started and the count of context switches is about the same: machines that are switched on together differ in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from burnline.collectors.host.cpu import read_cpu
from burnline.collectors.host.files import Files
from burnline.metrics import host as names

PATIENCE = timedelta(minutes=1)  # for a page that is expected, at the start; and beyond its interval for one that stops
MISSED = 3  # turns of a page that may fail before burnline tells the machine itself
BOOT_SECONDS = 2.0  # setting the clock moves the moment of boot
_BOOT = re.compile(r"^node_boot_time_seconds(?:\{\})? (\S+)", re.MULTILINE)
_SWITCHES = re.compile(r"^node_context_switches_total(?:\{\})? (\S+)", re.MULTILINE)
# Since the page was made, this machine went on: by how much of the whole, and how many on one that has just started.
_SHARE, _FEW = 0.05, 200_000


@dataclass(frozen=True, slots=True)
class Page:
    """A page that may be node_exporter's.

    Attributes:
        named: the service file says that it is.
    """

    target: str
    interval: timedelta
    named: bool


@dataclass(frozen=True, slots=True)
class _Look:
    until: datetime
    same: bool


class Rival:
    """Looks at every page that is scraped, on the threads of those who scrape."""

    def __init__(self, *, proc: Path = Path("/proc"), pages: Iterable[Page] = ()) -> None:
        self._proc = proc
        self._expected = [page for page in pages if page.named]
        self._seen: dict[str, _Look] = {}
        self._until: datetime | None = None

    def look(self, page: Page, text: str, now: datetime) -> None:
        """Take note of what the page says of itself."""
        boot = _number(_BOOT, text) if "node_boot_time_seconds" in text else None
        if boot is None and not page.named:
            self._seen.pop(page.target, None)
            return
        same = boot is None or self._is_here(boot, _number(_SWITCHES, text))
        self._seen[page.target] = _Look(now + MISSED * page.interval + PATIENCE, same)

    def speaks(self, now: datetime) -> str:
        """Where the node_exporter is that tells this machine now; empty when none does."""
        self._until = self._until or now + PATIENCE
        for target, look in list(self._seen.items()):
            if look.same and now <= look.until:
                return target
        waited_for = (page.target for page in self._expected if page.target not in self._seen and now < self._until)
        return next(waited_for, "")

    def _is_here(self, boot: float, switches: float | None) -> bool:
        own = {sample.name: sample.value for sample in read_cpu(Files(proc=self._proc, sys=self._proc))}
        if abs(own.get(names.BOOT, 0) - boot) > BOOT_SECONDS:
            return False
        since = own.get(names.CONTEXT_SWITCHES, 0) - (switches or 0)
        return switches is None or 0 <= since <= max(_FEW, _SHARE * switches)


def _number(pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None
