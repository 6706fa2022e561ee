"""`burnline backtest`: what a service file's alerts would have done in the past."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from burnline.app.commands import show
from burnline.app.console.words import visible
from burnline.app.services import load_checked
from burnline.errors import BurnlineError, Problem, SpecError
from burnline.slo.backtest.history import replay_history, selectors_of, warm_up
from burnline.slo.backtest.openmetrics import read_openmetrics
from burnline.slo.backtest.page import render_page
from burnline.slo.backtest.picture import write_png
from burnline.slo.backtest.prometheus import Fetch
from burnline.slo.backtest.replay import Replay, from_moment
from burnline.slo.backtest.result import Backtest, Incident, summarise
from burnline.slo.backtest.samples import Samples
from burnline.slo.backtest.tables import PARQUET, Rows, read_table
from burnline.slo.backtest.text import describe, facts
from burnline.slo.own import own_spec
from burnline.slo.promise import Promise, promises_of
from burnline.slo.reading import Reader
from burnline.spec.exclude import in_zone
from burnline.spec.service import ServiceSpec
from burnline.spec.units import parse_duration, parse_moment
from burnline.spec.words import choice

TABLES = (".csv", *PARQUET)
PICTURES = (".png", ".html")
DEFAULT_SPAN = timedelta(days=30)
Found = list[tuple[Replay, Backtest]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    file: Path
    slo: str = ""
    since: str = ""
    until: str = ""
    prometheus: str = ""
    data: tuple[Path, ...] = ()
    step: timedelta = timedelta(minutes=1)
    against: Path | None = None
    incidents: Path | None = None
    plot: Path | None = None
    as_json: bool = False


def run_backtest(asked: Asked) -> None:
    """Replay and print.

    Raises: SpecError for files that cannot be used, BurnlineError for a command line that makes no sense.
    """
    _check(asked)
    specs = [_service(path, asked.slo) for path in (asked.file, asked.against) if path is not None]
    if asked.prometheus:  # it has the series of all services
        specs = [own_spec(spec) for spec in specs]
    incidents = None if asked.incidents is None else read_incidents(asked.incidents)
    since, until = _span(asked)
    history = _read(asked, specs, since, until)
    found = [_replayed(asked, spec, history, since, until, incidents) for spec in specs]
    if not found[0]:
        if history.gaps:
            raise BurnlineError(f"{asked.prometheus} tells nothing of this time, asked three times: {history.gaps[0]}")
        raise BurnlineError("there is no data for any of these SLOs in this time; is it the right metric?")
    _tell_left_out(asked, specs[0], found[0])
    if asked.plot is not None:
        _draw(asked.plot, found[0], incidents or ())
    _print(asked, found, history.gaps)


def _tell_left_out(asked: Asked, spec: ServiceSpec, found: Found) -> None:
    told = {result.slo for _, result in found}
    missing = [slo.name for slo in spec.slos if slo.name not in told and asked.slo in ("", slo.name)]
    if missing:
        sys.stderr.write(f"no data for {', '.join(missing)}: unknown all the time, and left out\n")


def read_step(written: str) -> timedelta:
    """How densely to read Prometheus.

    Raises: BurnlineError for what is no duration, or under a second.
    """
    try:
        step = parse_duration(written)
    except ValueError as error:
        raise BurnlineError(f"--step: {error}") from None
    if step < timedelta(seconds=1):
        raise BurnlineError(f"--step: is {written}; write 1s or more")
    return step


@dataclass(frozen=True, slots=True)
class _History:
    samples: Samples
    rows: Mapping[str, Rows]
    gaps: tuple[str, ...] = ()


def _check(asked: Asked) -> None:
    if bool(asked.prometheus) == bool(asked.data):
        raise BurnlineError("say where the past is: --prometheus URL, or --data FILE (once or more)")
    if asked.plot is not None and asked.plot.suffix not in PICTURES:
        raise BurnlineError(f"--plot {asked.plot}: write a name that ends in {choice(PICTURES)}")


def _service(path: Path, slo: str) -> ServiceSpec:
    specs = load_checked(path)
    if len(specs) != 1:
        raise BurnlineError(f"{path} holds {len(specs)} services; name the file of one")
    spec = specs[0]
    if not slo:
        return spec
    found = spec.slo(slo)
    if found is None:
        names = [each.name for each in spec.slos]
        raise BurnlineError(f"{path} has no SLO called {slo!r}; it has {choice(names) if names else 'none'}")
    return spec


def _span(asked: Asked) -> tuple[datetime | None, datetime | None]:
    since, until = _moment("--from", asked.since), _moment("--to", asked.until)
    if asked.prometheus:
        until = until or datetime.now(UTC)
        since = since or until - DEFAULT_SPAN
    if since and until and since >= until:
        raise BurnlineError(f"--from {asked.since or since} is not before --to {asked.until or until}")
    return since, until


def _moment(option: str, written: str) -> datetime | None:
    try:
        return in_zone(parse_moment(written), "UTC") if written else None
    except ValueError as error:
        raise BurnlineError(f"{option}: {error}") from None


def _read(asked: Asked, specs: Sequence[ServiceSpec], since: datetime | None, until: datetime | None) -> _History:
    if asked.prometheus and since and until:
        return _fetch(asked, specs, since, until)
    samples, rows = Samples(), dict[str, Rows]()
    wanted = {name for spec in specs for name in Reader({each.slo.name: each.sli for each in promises_of(spec)}).names}
    for path in asked.data:
        if path.suffix in TABLES:
            rows |= read_table(path, asked.slo or (specs[0].slos[0].name if len(specs[0].slos) == 1 else ""))
        else:
            read_openmetrics(path, wanted, samples)
    unknown = sorted(set(rows) - {slo.name for spec in specs for slo in spec.slos})
    if unknown:
        names = [slo.name for slo in specs[0].slos]
        raise BurnlineError(
            f"the data is about {choice(unknown)}, which is no SLO of {asked.file}; it has {choice(names)}"
        )
    return _History(samples.until(until), {name: each.until(until) for name, each in rows.items()})


def _asked_for(asked: Asked, specs: Sequence[ServiceSpec]) -> list[Promise]:
    return [promise for spec in specs for promise in promises_of(spec) if asked.slo in ("", promise.slo.name)]


def _fetch(asked: Asked, specs: Sequence[ServiceSpec], since: datetime, until: datetime) -> _History:
    promises, samples = _asked_for(asked, specs), Samples()
    selectors, begin = selectors_of(promises), since - warm_up(promises)
    with httpx.Client(trust_env=False) as client:
        fetch = Fetch(asked.prometheus, asked.step, client)
        with progress("reading the past", len(list(fetch.chunks(begin, until)))) as advance:
            fetch.progress = advance
            fetch.read(selectors, begin, until, samples)
    gaps = (f"{gap.since:%Y-%m-%d %H:%M} to {gap.until:%Y-%m-%d %H:%M} UTC: {gap.why}" for gap in fetch.gaps)
    return _History(samples, {}, tuple(gaps))


def _replayed(
    asked: Asked,
    spec: ServiceSpec,
    history: _History,
    since: datetime | None,
    until: datetime | None,
    incidents: Sequence[Incident] | None,
) -> Found:
    end = until or max((*history.samples.ends(), *(rows.ends_at() for rows in history.rows.values())), default=None)
    if end is None:
        return []
    same = {slo.name: slo.sli.same_as or slo.name for slo in spec.slos}  # the same events under another promise
    rows = {
        name: each
        for name, other in same.items()
        if (each := history.rows.get(name) or history.rows.get(other)) is not None
    }
    replays = replay_history(spec, end, samples=history.samples, rows=rows)
    cut = [from_moment(each, since) for name, each in replays.items() if asked.slo in ("", name)]
    return [(each, summarise(each, incidents)) for each in cut if each is not None and each.known.any()]


def read_incidents(path: Path) -> list[Incident]:
    """Incidents from a CSV file with the columns from, to, and name if there are names.

    Raises: SpecError naming the file, the line and the column.
    """
    found = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if not {"from", "to"} <= set(reader.fieldnames or ()):
                raise SpecError([Problem(str(path), 1, "", "needs the columns from and to (and name)")])
            for row in reader:
                start, end = (_csv_moment(path, reader.line_num, column, row[column]) for column in ("from", "to"))
                if end <= start:
                    raise SpecError([Problem(str(path), reader.line_num, "to", "is not after `from`")])
                found.append(Incident(start, end, row.get("name") or ""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError([Problem(str(path), 0, "", f"cannot be read: {error}")]) from error
    return found


def _csv_moment(path: Path, line: int, column: str, written: str | None) -> datetime:
    try:
        return in_zone(parse_moment(written), "UTC")
    except ValueError as error:
        raise SpecError([Problem(str(path), line, column, str(error))]) from None


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, where somebody sits in front of it."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _draw(path: Path, found: Found, incidents: Sequence[Incident]) -> None:
    if path.suffix == ".png":
        write_png(path, found, incidents)
    else:
        path.write_text(render_page(found, incidents), encoding="utf-8")


def _print(asked: Asked, found: Sequence[Found], gaps: Sequence[str]) -> None:
    for gap in gaps:
        sys.stderr.write(visible(f"not known, and counted as a gap: {gap}") + "\n")
    if asked.as_json:
        whole = {"gaps": list(gaps), "slos": [asdict(result) for _, result in found[0]]}
        if len(found) > 1:
            whole["against"] = [asdict(result) for _, result in found[1]]
        sys.stdout.write(json.dumps(whole, indent=2, default=_plain) + "\n")
        return
    other = {result.slo: result for _, result in found[1]} if len(found) > 1 else {}
    for _, result in found[0]:
        _print_slo(result, other.get(result.slo), asked)
    if asked.plot is not None:
        show(f"{asked.plot}: written")


def _print_slo(result: Backtest, other: Backtest | None, asked: Asked) -> None:
    show(Text(visible(f"{result.service} {result.slo}"), "bold"))
    headings = ["", *((asked.file.name, asked.against.name) if other and asked.against else ("",))]
    table = Table(
        *(Column(visible(heading), overflow="fold") for heading in headings), box=None, show_header=other is not None
    )
    theirs = dict(facts(other)) if other else {}
    for name, value in facts(result):
        cells = [name, value, *([theirs.get(name, "-")] if other else [])]
        table.add_row(*(visible(cell) for cell in cells))
    show(Padding(table, (0, 0, 0, 2), expand=False))
    for episode in sorted((*result.pages, *result.tickets), key=lambda each: each.start):
        show(Padding(Text(visible(f"{episode.severity}  {describe(episode)}")), (0, 0, 0, 4), expand=False))


def _plain(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value.isoformat()
