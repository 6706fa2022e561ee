"""One service's drills in simulation, scenario by scenario, as they are shown and kept."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from burnline.app.drills.check import Check
from burnline.app.drills.judge import Times, judge
from burnline.app.drills.scenarios import SCENARIOS, Harm, Scenario, scenario
from burnline.app.drills.simulate import Play, Played, play
from burnline.app.drills.theory import expected
from burnline.runbooks.load import Catalogue
from burnline.spec.service import ServiceSpec
from burnline.store.drills import SIMULATION, Drill

APPROVE_AFTER = timedelta(minutes=2)
LONGEST_WAIT = timedelta(days=1)
LEAST_WAIT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Drilled:
    """One scenario: what came of it, or why it was left out.

    Attributes:
        lived: how much time of the service was simulated, in `took_seconds` of ours.
    """

    scenario: Scenario
    left_out: str = ""
    times: Times = field(default_factory=Times)
    checks: tuple[Check, ...] = ()
    runbooks: tuple[tuple[str, str], ...] = ()
    lived: timedelta = timedelta(0)
    took_seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether everything was as it should; never of one that was left out."""
        return bool(self.checks) and all(check.ok for check in self.checks)


def rehearse(
    spec: ServiceSpec,
    catalogue: Catalogue,
    names: Sequence[str] = (),
    *,
    seed: int = 0,
    approve_after: timedelta = APPROVE_AFTER,
) -> Iterator[Drilled]:
    """Drill the scenarios named, else those of the service file, else all.

    Raises: BurnlineError for a scenario that there is not.
    """
    chosen = [scenario(name) for name in names or spec.drill.scenarios or SCENARIOS]
    for each in dict.fromkeys(chosen):
        yield _rehearse(spec, catalogue, each, seed=seed, approve_after=approve_after)


def _rehearse(
    spec: ServiceSpec, catalogue: Catalogue, what: Scenario, *, seed: int, approve_after: timedelta
) -> Drilled:
    harm = what.harm(spec)
    if isinstance(harm, str):
        return Drilled(what, left_out=harm)
    began = time.perf_counter()

    def played(*, helps: bool) -> Played:
        how = Play(what, harm, _patience(spec, harm), helps=helps, approve_after=approve_after, seed=seed)
        return play(spec, catalogue, how)

    done = played(helps=True)
    held = played(helps=False) if done.changes else done
    times, checks = judge(spec, what, harm, done, held)
    return Drilled(
        what,
        times=times,
        checks=tuple(checks),
        runbooks=tuple(dict.fromkeys((seen.run.runbook, seen.run.digest) for seen in done.runs)),
        lived=done.lived + (held.lived if held is not done else timedelta(0)),
        took_seconds=time.perf_counter() - began,
    )


def _patience(spec: ServiceSpec, harm: Harm) -> timedelta:
    """After the fault, how long to wait for a run: until every alert must have fired."""
    last = max((each.latest for each in expected(spec, harm)), default=timedelta(0))
    return min(last + LEAST_WAIT, LONGEST_WAIT)


def as_drill(spec: ServiceSpec, done: Drilled, at: datetime) -> Drill:
    """What is kept of it."""
    return Drill(
        service=spec.service,
        scenario=done.scenario.name,
        mode=SIMULATION,
        at=at,
        passed=done.passed,
        detect_seconds=seconds(done.times.detect),
        respond_seconds=seconds(done.times.respond),
        recover_seconds=seconds(done.times.recover),
        checks=[asdict(check) for check in done.checks],
        spec_digest=digest_of(spec),
        runbooks=dict(done.runbooks),
    )


def digest_of(spec: ServiceSpec) -> str:
    """SHA-256 of a service file's content."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def seconds(value: timedelta | None) -> float | None:
    """A time for programs."""
    return None if value is None else round(value.total_seconds(), 3)
