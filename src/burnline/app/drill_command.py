"""What `burnline drill` does."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from burnline.app.commands import show, table
from burnline.app.console.words import visible
from burnline.app.drills.rehearsal import Drilled, as_drill, rehearse
from burnline.app.drills.report import as_json, drill_json, history_row, lines, summary
from burnline.app.services import load_checked
from burnline.errors import BurnlineError, StoreError
from burnline.runbooks.load import load_catalogue
from burnline.settings import read_settings
from burnline.spec.service import ServiceSpec
from burnline.spec.units import parse_duration
from burnline.spec.words import choice, did_you_mean, shown
from burnline.store.database import open_database, reading
from burnline.store.drills import drills, record_drill

SUMMARY = ("scenario", "verdict", "detect", "respond", "recover")
HISTORY = ("when", "service", "scenario", "mode", "detect", "respond", "recover", "verdict")


def find_service(path: Path | None, name: str) -> ServiceSpec:
    """The service of that name.

    Raises: SpecError for files that cannot be used, BurnlineError when none is of that name.
    """
    specs = {spec.service: spec for spec in load_checked(path or read_settings().services)}
    if name not in specs:
        raise BurnlineError(f"no service is called {shown(name)}; there is {choice(specs)}{did_you_mean(name, specs)}")
    return specs[name]


def drill_simulated(
    name: str, services: Path | None, scenarios: Sequence[str], *, seed: int, approve_after: str, as_text: bool
) -> int:
    """Drill a service in simulation, print what came of it and keep it; 1 when anything failed.

    Raises: SpecError, BurnlineError for what was asked.
    """
    spec = find_service(services, name)
    catalogue = load_catalogue(read_settings().runbooks)
    try:
        wait = parse_duration(approve_after)
    except ValueError as error:
        raise BurnlineError(f"--approve-after: {error}") from error
    done: list[Drilled] = []
    for each in rehearse(spec, catalogue, scenarios, seed=seed, approve_after=wait):
        done.append(each)
        if as_text:
            for line in lines(spec, each):
                show(line)
    now = datetime.now(UTC)
    if as_text:
        show(table(SUMMARY, summary(spec, done)))
    else:
        print(json.dumps([as_json(spec, each, now) for each in done], indent=2))
    _keep(spec, done, now)
    if all(each.left_out for each in done):
        print("nothing was drilled: no scenario applies to this service", file=sys.stderr)
        return 1
    return 0 if all(each.passed or each.left_out for each in done) else 1


def _keep(spec: ServiceSpec, done: Iterable[Drilled], now: datetime) -> None:
    """In the database of the settings, where there is one: a drill in CI has none."""
    url = read_settings().database
    try:
        with reading(url):
            pass
        db = open_database(url)
    except StoreError as error:
        print(visible(f"not kept: {error}"), file=sys.stderr)
        return
    try:
        kept = [as_drill(spec, each, now) for each in done if not each.left_out]
        db.write(lambda tx: [record_drill(tx, each) for each in kept])
    finally:
        db.close()


def show_history(service: str, *, as_text: bool) -> None:
    """Print the drills that were kept.

    Raises: StoreError when there is no database.
    """
    with reading(read_settings().database) as tx:
        found = drills(tx, service=service or None)
    now = datetime.now(UTC)
    if not as_text:
        print(json.dumps([drill_json(each) for each in found], indent=2))
    elif found:
        show(table(HISTORY, (history_row(each, now) for each in found)))
    else:
        print(f"{visible(service) or 'no service'} was {'never' if service else 'ever'} drilled")
