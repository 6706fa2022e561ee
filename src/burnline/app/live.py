"""`burnline check --live`: whether the pages of the service files show what their SLOs and profiles need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import typer

from burnline.app.commands import complain
from burnline.app.services import placed, read_checked
from burnline.collectors.build import page_scrapers
from burnline.collectors.scrape import Scraper
from burnline.errors import CollectorError
from burnline.events import Collection
from burnline.slo.increments import Counters
from burnline.slo.reading import Reader, Reading, metric_of
from burnline.spec.collect import ScrapeSpec
from burnline.spec.place import Flaw
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration


def check_live(path: Path, now: datetime) -> int:
    """Read every page once and tell what is missing; the exit code: 1 when an SLO has nothing to be measured by.

    Raises: SpecError with every problem of the files themselves.
    """
    code = 0
    for spec, document in read_checked(path):
        look = _Look(spec, now)
        for problem in placed(look.failures(), document):
            complain(str(problem))
            code = 1
        for problem in placed(iter(look.notes), document):
            complain(f"note: {problem}")
    if not code:
        typer.echo("the pages show what the SLOs need")
    return code


class _Look:
    """One service's pages, read once.

    Attributes:
        notes: what the profiles lack; no SLO needs it.
    """

    def __init__(self, spec: ServiceSpec, now: datetime) -> None:
        self.notes: list[Flaw] = []
        self._spec = spec
        self._unread: list[Flaw] = []
        self._readings: dict[str, Reading] = {}
        self._made: frozenset[str] = frozenset()
        reader = Reader({slo.name: slo.sli for slo in spec.slos})
        places = [index for index, item in enumerate(spec.collect) if isinstance(item, ScrapeSpec)]
        for index, scraper in zip(places, page_scrapers(spec, reader.names), strict=True):
            with closing(scraper):
                self._read(index, scraper, reader, now)

    def _read(self, index: int, scraper: Scraper, reader: Reader, now: datetime) -> None:
        self._made |= scraper.made
        try:
            samples = tuple(scraper.collect(now))
        except CollectorError as error:
            self._unread.append(Flaw(("collect", index, "url"), str(error)))
            return
        turn = Collection(self._spec.service, scraper.name, scraper.target, now, 0.0, True, samples)
        for name, reading in reader.read(turn, Counters(reader.counter_names)).items():
            if name not in self._readings or not reading.refused:
                self._readings[name] = reading
        self.notes += (Flaw(("collect", index, "profile"), note) for note in scraper.notes)

    def failures(self) -> Iterator[Flaw]:
        """Pages that cannot be read, and SLOs of which no page shows anything, or not at their threshold."""
        yield from self._unread
        for index, slo in enumerate(self._spec.slos):
            place = ("slos", index, "sli", slo.sli.kind)
            reading = self._readings.get(slo.name)
            if reading is None and self._is_of_a_page(slo):
                yield Flaw(place, f"no page of this service shows {metric_of(slo.sli)}")
            elif reading is not None and reading.refused and slo.sli.latency:
                yield Flaw((*place, "below"), _no_bound(slo, reading))

    def _is_of_a_page(self, slo: SloSpec) -> bool:
        """Not what burnline itself measures elsewhere: the host, GPUs, queues, what others post."""
        metric = metric_of(slo.sli).partition("{")[0]
        family = metric.removesuffix("_bucket")
        return bool(metric) and (not metric.startswith("burnline_") or family in self._made)


def _no_bound(slo: SloSpec, reading: Reading) -> str:
    below = format_duration(slo.sli.latency.below) if slo.sli.latency else ""
    bounds = ", ".join(f"{bound:g}" for bound in reading.bounds) or "none"
    return f"is {below}, which is no bucket bound on the page (seconds: {bounds})"
