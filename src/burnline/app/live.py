"""`burnline check --live`: whether what the service files have read shows what their SLOs and profiles need."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import typer

from burnline.app.check_sources import look
from burnline.app.commands import complain
from burnline.app.console.words import visible
from burnline.app.services import placed, read_checked
from burnline.collectors.given import missing
from burnline.collectors.profiles.load import load_profile
from burnline.events import Collection
from burnline.slo.increments import Counters
from burnline.slo.reading import Reader, Reading, metric_of
from burnline.spec.collect import ScrapeSpec
from burnline.spec.place import Flaw
from burnline.spec.selector import parse_selector
from burnline.spec.service import ServiceSpec
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration

LOOKED_AT = ("burnline_gpu_", "burnline_host_", "burnline_queue_")


def check_live(path: Path, now: datetime) -> int:
    """Read every source once and tell what is missing; the exit code: 1 when an SLO has nothing to be measured by.

    Raises: SpecError with every problem of the files themselves.
    """
    logging.getLogger("burnline").addHandler(logging.NullHandler())  # what is logged is told here by file and line
    code, silent = 0, 0
    for spec, document in read_checked(path):
        live = _Live(spec, now)
        for seen in placed(iter(live.seen), document):
            typer.echo(visible(str(seen)))
        for problem in placed(live.failures(), document):
            complain(str(problem))
            code = 1
        silent += len(list(live.silent()))
        for problem in placed(live.notes(), document):
            complain(f"note: {problem}")
    if silent:
        typer.echo(f"{silent} of the SLOs {'has' if silent == 1 else 'have'} nothing to be measured by now")
    elif not code:
        typer.echo("the pages show what the SLOs need")
    return code


class _Live:
    """One service's sources, read once.

    Attributes:
        seen: what each source gave.
    """

    def __init__(self, spec: ServiceSpec, now: datetime) -> None:
        self._spec = spec
        self._readings: dict[str, Reading] = {}
        reader = Reader({slo.name: slo.sli for slo in spec.slos})
        self._looks = look(spec, reader.names, now)
        self._made = frozenset().union(*(each.made for each in self._looks))
        self.seen = [Flaw(each.place, each.found) for each in self._looks if not each.error]
        for each in self._looks:
            if each.turn.ok:
                self._read(each.turn, reader)

    def _read(self, turn: Collection, reader: Reader) -> None:
        for name, reading in reader.read(turn, Counters(reader.counter_names)).items():
            if name not in self._readings or not reading.refused:
                self._readings[name] = reading

    def notes(self) -> Iterator[Flaw]:
        """What no SLO needs and a page lacks; and SLOs on the host, GPUs and queues that gave nothing for them now."""
        for each in self._looks:
            where = ("collect", each.place[1], "profile") if each.place[-1] == "url" else each.place
            yield from (Flaw(where, note) for note in each.notes)
        yield from self.silent()

    def silent(self) -> Iterator[Flaw]:
        """SLOs on the host, GPUs and queues that can give something for them, and gave nothing now."""
        for index, slo in enumerate(self._spec.slos):
            if self._gave_nothing(slo) and not self._impossible(slo):
                about = f"nothing that was looked at shows {metric_of(slo.sli)} now"
                yield Flaw(("slos", index, "sli", slo.sli.kind), about)

    def failures(self) -> Iterator[Flaw]:
        """Pages that cannot be read, and SLOs of which no page shows anything, or not at their threshold."""
        yield from (Flaw(each.place, each.error) for each in self._looks if each.error)
        for index, slo in enumerate(self._spec.slos):
            place = ("slos", index, "sli", slo.sli.kind)
            reading = self._readings.get(slo.name)
            if reading is None and self._is_of_a_page(slo):
                yield Flaw(place, f"no page of this service shows {metric_of(slo.sli)}{self._hint(slo)}")
            elif why := self._impossible(slo):
                yield Flaw(place, f"nothing in this file gives {metric_of(slo.sli)}: {why}")
            elif reading is not None and reading.refused and slo.sli.latency:
                yield Flaw((*place, "below"), _no_bound(slo, reading))

    def _hint(self, slo: SloSpec) -> str:
        """What would make the engine show it, as the profiles of the pages know."""
        metric = metric_of(slo.sli).partition("{")[0].removesuffix("_bucket")
        pages = [load_profile(item.profile) for item in self._spec.collect if isinstance(item, ScrapeSpec)]
        every = (quantity for page in pages for quantity in page.quantities.items())
        known = (each.shown_by for name, each in every if each.shown_by and metric in (name, *each.names))
        return next((f"; {shown_by}" for shown_by in known), "")

    def _gave_nothing(self, slo: SloSpec) -> bool:
        metric = metric_of(slo.sli).partition("{")[0]
        return slo.name not in self._readings and metric.startswith(LOOKED_AT) and metric not in self._made

    def _impossible(self, slo: SloSpec) -> str:
        """What to write for an SLO that no source of the file can ever give anything; empty where one can."""
        if not self._gave_nothing(slo):
            return ""
        selector = parse_selector(metric_of(slo.sli))
        return missing(self._spec, selector.metric, selector.matchers)

    def _is_of_a_page(self, slo: SloSpec) -> bool:
        """Not what burnline itself measures elsewhere: the host, GPUs, queues, what others post."""
        metric = metric_of(slo.sli).partition("{")[0]
        family = metric.removesuffix("_bucket")
        return bool(metric) and (not metric.startswith("burnline_") or family in self._made)


def _no_bound(slo: SloSpec, reading: Reading) -> str:
    below = format_duration(slo.sli.latency.below) if slo.sli.latency else ""
    bounds = ", ".join(f"{bound:g}" for bound in reading.bounds) or "none"
    return f"is {below}, which is no bucket bound on the page (seconds: {bounds})"
