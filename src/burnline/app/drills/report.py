"""Drills as people and programs read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from burnline.app.drills.judge import span
from burnline.app.drills.rehearsal import Drilled, as_drill
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration, format_moment
from burnline.store.drills import Drill

WIDTH = 24


def lines(spec: ServiceSpec, done: Drilled) -> Iterator[str]:
    """One scenario: its verdict and times, then each check."""
    name = done.scenario.name
    if done.left_out:
        yield f"{name}: left out: {done.left_out}"
        return
    yield f"{name}: {'passed' if done.passed else 'FAILED'} ({done.scenario.says}; {speed(done)})"
    for check in done.checks:
        yield f"  {'ok  ' if check.ok else 'FAIL'} {check.name:<{WIDTH}} {check.text}"


def summary(spec: ServiceSpec, done: Sequence[Drilled]) -> Iterator[Sequence[str]]:
    """Rows of the closing table: scenario, verdict, detect, respond, recover; the targets stand first."""
    targets = spec.drill.targets
    yield ("target", "", *map(format_duration, (targets.detect, targets.respond, targets.recover)))
    for each in done:
        if each.left_out:
            yield each.scenario.name, "left out", "", "", ""
            continue
        times = (each.times.detect, each.times.respond, each.times.recover)
        said = ["never" if time is None else span(time) for time in times]
        yield (each.scenario.name, "passed" if each.passed else "FAILED", *said)


def speed(done: Drilled) -> str:
    """How fast time passed."""
    minutes = done.lived.total_seconds() / 60
    return f"{minutes:.0f} service minutes in {done.took_seconds:.1f} s, {minutes / done.took_seconds:.1f} a second"


def as_json(spec: ServiceSpec, done: Drilled, at: datetime) -> dict[str, Any]:
    """One scenario for programs."""
    if done.left_out:
        return {"service": spec.service, "scenario": done.scenario.name, "left_out": done.left_out}
    return {
        **drill_json(as_drill(spec, done, at)),
        "simulated_seconds": done.lived.total_seconds(),
        "took_seconds": round(done.took_seconds, 3),
    }


def drill_json(done: Drill) -> dict[str, Any]:
    """A drill that was kept, for programs."""
    return {
        "id": done.id,
        "service": done.service,
        "scenario": done.scenario,
        "mode": done.mode,
        "at": done.at.isoformat(timespec="seconds"),
        "passed": done.passed,
        "detect_seconds": done.detect_seconds,
        "respond_seconds": done.respond_seconds,
        "recover_seconds": done.recover_seconds,
        "checks": list(done.checks),
        "spec_digest": done.spec_digest,
        "runbooks": dict(done.runbooks),
        "run": done.run_id,
    }


def history_row(kept: Drill, now: datetime) -> Sequence[str]:
    """One line of `--history`."""
    times = (kept.detect_seconds, kept.respond_seconds, kept.recover_seconds)
    said = ["never" if time is None else span(timedelta(seconds=time)) for time in times]
    failed = ", ".join(each["name"] for each in kept.checks if not each["ok"])
    verdict = "passed" if kept.passed else f"FAILED: {failed}"
    return (format_moment(kept.at, now), kept.service, kept.scenario, kept.mode, *said, verdict)


def checks_of(kept: Mapping[str, Any]) -> Iterator[str]:
    """The checks of a drill as the API gives it."""
    for check in kept["checks"]:
        yield f"  {'ok  ' if check['ok'] else 'FAIL'} {check['name']:<{WIDTH}} {check['text']}"
