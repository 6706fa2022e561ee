"""From service files to the collectors they ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from burnline.collectors.contract import Collector
from burnline.collectors.cost import CostCollector
from burnline.collectors.gpu import amd
from burnline.collectors.gpu.collector import GpuCollector
from burnline.collectors.host import HostCollector
from burnline.collectors.host.rival import Page, Rival
from burnline.collectors.jobs.collector import JobsCollector
from burnline.collectors.mapping import EXPORTERS
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.pushed import PushedCollector
from burnline.collectors.queues.build import watch
from burnline.collectors.registry import RegistryCollector
from burnline.collectors.scrape import Scraper
from burnline.collectors.security.door import AskingCollector
from burnline.events import Collection
from burnline.spec.collect import ScrapeSpec
from burnline.spec.host import HostPlaces, host_of
from burnline.spec.queue import QueueSpec
from burnline.spec.service import ServiceSpec
from burnline.store.database import Database

MACHINE_INTERVAL = timedelta(seconds=15)
PUSHED_INTERVAL = timedelta(seconds=15)
LONGEST_TIMEOUT = timedelta(seconds=9)  # under the runner's deadline, so that a scrape fails with its own words


def build_all(specs: Iterable[ServiceSpec], wanted: Callable[[str], frozenset[str]]) -> list[Collector]:
    """The collectors of one process: every service's own, and those of the machine once if anybody asks for them.

    `wanted` gives, per service, the metric names somebody reads.
    """
    specs = list(specs)
    host = host_of(item for spec in specs for item in spec.collect)
    rival = Rival(proc=Path(host.proc), pages=map(_page, _pages(specs))) if host else None
    asked = {entry for spec in specs for entry in spec.collect if isinstance(entry, str)}
    collectors: list[Collector] = []
    if host and rival:
        collectors.append(_host(host, rival))
    if "gpu" in asked:
        collectors.append(_gpu())
        if amd.is_present():
            collectors.append(amd.AmdCollector(interval=MACHINE_INTERVAL))
    for spec in specs:
        collectors += page_scrapers(spec, wanted(spec.service), rival)
        collectors += [watch(spec.service, item.queue) for item in spec.collect if isinstance(item, QueueSpec)]
    return collectors


def build_costs(specs: Iterable[ServiceSpec], latest: Callable[[], Iterable[Collection]]) -> list[Collector]:
    """What each service costs, from what its other collectors read last."""
    return [
        CostCollector(spec, spec.cost, interval=PUSHED_INTERVAL, latest=latest)
        for spec in specs
        if spec.cost is not None
    ]


def build_pushed(specs: Iterable[ServiceSpec], db: Database) -> list[Collector]:
    """What others post for each service, read back from the store."""
    return [
        collector
        for spec in specs
        for collector in (
            PushedCollector(db, spec.service, interval=PUSHED_INTERVAL, expected=_posts(spec)),
            JobsCollector(db, spec, interval=PUSHED_INTERVAL),
            AskingCollector(db, spec.service, interval=PUSHED_INTERVAL),
            RegistryCollector(db, spec.service, interval=PUSHED_INTERVAL),
        )
    ]


def _gpu() -> GpuCollector:
    return GpuCollector(interval=MACHINE_INTERVAL)


def _posts(spec: ServiceSpec) -> bool:
    """Whether the service file says that somebody posts numbers."""
    return any(number.posted for number in spec.business.values())


def _host(places: HostPlaces, rival: Rival) -> HostCollector:
    return HostCollector(
        interval=MACHINE_INTERVAL,
        proc=Path(places.proc),
        sys=Path(places.sys),
        root=Path(places.root),
        cgroups=places.cgroups,
        rival=rival,
    )


def _pages(specs: Iterable[ServiceSpec]) -> Iterator[ScrapeSpec]:
    return (item for spec in specs for item in spec.collect if isinstance(item, ScrapeSpec))


def _page(page: ScrapeSpec) -> Page:
    return Page(page.url, page.interval, named=page.profile == EXPORTERS["host"])


class Onlooker(Protocol):
    """Who is shown each page that is scraped."""

    def look(self, page: Page, text: str, now: datetime) -> None: ...


def sources(spec: ServiceSpec, wanted: frozenset[str], onlooker: Onlooker) -> Iterator[tuple[int, Collector]]:
    """What reads each item of `collect`, by its position, for one look; `wanted` as in `build_all`."""
    pages = page_scrapers(spec, wanted, onlooker)
    for index, item in enumerate(spec.collect):
        if isinstance(item, ScrapeSpec):
            yield index, next(pages)
        elif isinstance(item, QueueSpec):
            yield index, watch(spec.service, item.queue)
        elif item == "gpu":
            yield index, _gpu()
            if amd.is_present():
                yield index, amd.AmdCollector(interval=MACHINE_INTERVAL)
        elif places := host_of([item]):
            yield index, _host(places, Rival(proc=Path(places.proc)))


def page_scrapers(spec: ServiceSpec, wanted: frozenset[str], rival: Onlooker | None = None) -> Iterator[Scraper]:
    """One for each page of the service, in their order; `wanted` as in `build_all`. `rival` is shown each page."""
    seen: Counter[str] = Counter()
    for page in spec.collect:
        if isinstance(page, ScrapeSpec):
            seen[page.profile] += 1
            number = seen[page.profile]
            yield Scraper(
                spec.service,
                page.url,
                wanted=wanted,
                interval=page.interval,
                timeout=min(max(page.interval, timedelta(seconds=1)), LONGEST_TIMEOUT),
                name=page.profile if number == 1 else f"{page.profile}-{number}",
                profile=load_profile(page.profile),
                look=partial(rival.look, _page(page)) if rival else None,
                access=page,
            )
