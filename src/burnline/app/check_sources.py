"""One look at every source of a service file: pages, queues, the host, its GPUs; side by side, with a deadline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Thread
from time import monotonic

from burnline.collectors.build import sources
from burnline.collectors.contract import Closeable, Collector, Profiled
from burnline.collectors.host.rival import Page
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.recognise import families, other_engine
from burnline.errors import CollectorError, NoData
from burnline.events import Collection, Sample
from burnline.metrics import gpu
from burnline.spec.collect import ScrapeSpec
from burnline.spec.place import Place
from burnline.spec.queue import QueueSpec
from burnline.spec.service import ServiceSpec

DEADLINE = timedelta(seconds=10)  # as a running burnline's
SHOWN = 9  # series of a queue
PREFIX = "burnline_"


@dataclass(frozen=True, slots=True)
class Look:
    """What one item of `collect` gave.

    Attributes:
        place: of the item in the file.
        error: why it could not be read; empty when it could.
        nothing: why there was nothing to read on this machine; no failure.
        made: names of burnline's own series that the page's profile makes.
        notes: what the page lacks, and whose it is when it is another engine's.
    """

    place: Place
    turn: Collection
    error: str = ""
    nothing: str = ""
    made: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def found(self) -> str:
        """What was seen, for people."""
        if self.error:
            return self.error
        about = f"nothing to read here: {self.nothing}" if self.nothing else _found(self.turn.samples)
        return f"{self.turn.target}: {about}"


def look(spec: ServiceSpec, wanted: frozenset[str], now: datetime) -> list[Look]:
    """Every item of `collect`, in the file's order; `wanted` as in collectors/build.py."""
    pages = _Pages()
    attempts = [_Attempt(_place(spec, index), collector, now) for index, collector in sources(spec, wanted, pages)]
    ends = monotonic() + DEADLINE.total_seconds()
    for attempt in attempts:
        attempt.join(max(0.0, ends - monotonic()))
    return [attempt.look(pages.notes(spec, attempt.place)) for attempt in attempts]


def _place(spec: ServiceSpec, index: int) -> Place:
    item = spec.collect[index]
    if isinstance(item, ScrapeSpec):
        return ("collect", index, "url")
    return ("collect", index, "queue") if isinstance(item, QueueSpec) else ("collect", index)


class _Pages:
    """The text of each page, by its address: whose it is, only all of it says."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def look(self, page: Page, text: str, now: datetime) -> None:
        """What a scrape shows of its page."""
        self._texts[page.target] = text

    def notes(self, spec: ServiceSpec, place: Place) -> Iterator[str]:
        """Whose page it is, when it is another engine's than the file says."""
        item = spec.collect[int(place[1])]
        if isinstance(item, ScrapeSpec) and item.url in self._texts:
            yield from other_engine(load_profile(item.profile), families(self._texts[item.url]))


class _Attempt(Thread):
    """One turn of one collector, on a daemon thread: it may never return."""

    def __init__(self, place: Place, collector: Collector, now: datetime) -> None:
        super().__init__(name=f"look-{collector.name}", daemon=True)
        self.place = place
        self._collector, self._now = collector, now
        self._samples: tuple[Sample, ...] = ()
        self._error: Exception | None = CollectorError(
            f"{collector.target}: no answer in {DEADLINE.total_seconds():g} s"
        )
        self.start()

    def run(self) -> None:
        try:
            self._samples = tuple(self._collector.collect(self._now))
            self._error = None
        except Exception as error:  # noqa: BLE001 - whatever one source raises, the others are told
            self._error = error
        if isinstance(self._collector, Closeable):
            self._collector.close()

    def look(self, whose: Iterator[str]) -> Look:
        """What has come of it by now."""
        error, each = self._error, self._collector
        turn = Collection(each.service, each.name, each.target, self._now, 0.0, error is None, self._samples)
        if isinstance(error, NoData):
            return Look(self.place, turn, nothing=str(error))
        if error is not None:
            known = isinstance(error, CollectorError)
            return Look(self.place, turn, error=str(error) if known else f"{type(error).__name__}: {error}")
        if not isinstance(each, Profiled):
            return Look(self.place, turn)
        # what another engine's page lacks of this profile helps nobody
        return Look(self.place, turn, made=each.made, notes=tuple(whose) or tuple(each.notes))


def _found(samples: Sequence[Sample]) -> str:
    """In short: a queue's numbers, how many GPUs, or how many series."""
    if samples and all(sample.name.startswith("burnline_queue_") for sample in samples):
        return ", ".join(_number(sample) for sample in samples[:SHOWN]) + (", ..." if len(samples) > SHOWN else "")
    told = [sample for sample in samples if sample.name == gpu.UP]
    gpus = [sample.labels for sample in told if sample.value]
    counted = f"{len(samples):,} series"
    if not told:
        return counted
    few = f"{len(gpus)} GPUs" if len(gpus) == len(told) else f"{len(gpus)} of {len(told)} GPUs"
    models = f" ({', '.join(sorted(map(_model, gpus)))})" if gpus else ""
    return f"{few}{models}, {counted}"


def _model(labels: Mapping[str, str]) -> str:
    return labels.get("model", "?")


def _number(sample: Sample) -> str:
    name = sample.name.removeprefix("burnline_queue_").replace("_", " ")
    return f"{name} {sample.value:,.10g}"
