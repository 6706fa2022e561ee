"""A live drill: a run of the running burnline that reaches drill targets only, judged by what is on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from sqlalchemy import Connection

from burnline.app.drills.check import Check
from burnline.app.drills.judge import span
from burnline.app.drills.ran import TELLING, how_it_ended, looked, only_looks, told_by
from burnline.app.drills.rehearsal import digest_of, seconds
from burnline.errors import ActionError, DecisionRefused
from burnline.events import Outcome, RunState, StepState
from burnline.runbooks.actions.build import build_hook
from burnline.runbooks.match import bindings_for
from burnline.spec.binding import NEED
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration
from burnline.store import approvals, runs, timeline
from burnline.store.drills import LIVE, Drill
from burnline.store.incidents import find_episode
from burnline.store.runs import Run, StepRow


def judge_run(tx: Connection, spec: ServiceSpec, run_id: int, now: datetime) -> Drill:
    """What a drill run that is over shows.

    Raises: DecisionRefused when there is no such run, it is none of a drill of this service, or not over.
    """
    run = runs.get_run(tx, run_id)
    if run is None or run.service != spec.service or not run.drill:
        raise DecisionRefused(f"{spec.service} has no drill run {run_id}")
    if run.state is not RunState.FINISHED or run.finished_at is None:
        raise DecisionRefused(f"run {run_id} is not over")
    steps = runs.steps(tx, run_id)
    made = _made(steps)
    alert = _alert_at(tx, run)
    respond = made[0].ended_at - run.created_at if made and made[0].ended_at else None
    recover = run.finished_at - alert if run.outcome is Outcome.RECOVERED else None
    acted = {"respond": respond, "recover": recover}
    checks = [
        Check("alert arrived", ok=True, text=f"after {span(run.created_at - alert)}"),
        *_told(spec, run, steps),
        *_done(tx, spec, run, steps),
        _record(tx, run),
        *_in_time(spec, {"detect": run.created_at - alert, **(acted if not only_looks(run) else {})}),
    ]
    return Drill(
        service=spec.service,
        scenario=run.runbook,
        mode=LIVE,
        at=now,
        passed=all(check.ok for check in checks),
        detect_seconds=seconds(run.created_at - alert),
        respond_seconds=seconds(respond),
        recover_seconds=seconds(recover),
        checks=[asdict(check) for check in checks],
        spec_digest=digest_of(spec),
        runbooks={run.runbook: run.digest},
        run_id=run.id,
    )


def _alert_at(tx: Connection, run: Run) -> datetime:
    """When the alert began that started the run."""
    found = find_episode(tx, run.episode_id)
    return found.first_starts_at if found else run.created_at


def _done(tx: Connection, spec: ServiceSpec, run: Run, steps: Sequence[StepRow]) -> Iterator[Check]:
    if only_looks(run):
        yield looked(run, steps)
        return
    yield from _asked(tx, spec, run)
    yield from _changed(spec, _made(steps))
    yield Check("recovered", run.outcome is Outcome.RECOVERED, f"{run.runbook} {how_it_ended(run, steps)}")


def _made(steps: Sequence[StepRow]) -> list[StepRow]:
    """The steps that changed something."""
    return [step for step in steps if (step.result or {}).get("made") and step.ended_at]


def _asked(tx: Connection, spec: ServiceSpec, run: Run) -> Iterator[Check]:
    binding = next((each for each in bindings_for(spec, run.labels) if each.run == run.runbook), None)
    asked = approvals.last_approval(tx, run.id)
    if asked is not None:
        voters = ", ".join(vote.actor for vote in approvals.votes(tx, asked.id)) or "nobody"
        yield Check("people asked", asked.state == approvals.APPROVED, f"{asked.state}, by {voters}")
    elif binding is not None and NEED[binding.approval]:
        yield Check("people asked", ok=False, text=f"never, though its binding says {binding.approval}")
    else:
        yield Check("people asked", ok=True, text="nobody, as its binding says")


def _told(spec: ServiceSpec, run: Run, steps: Sequence[StepRow]) -> Iterator[Check]:
    """Steps that tell people, and were not left out, reached somebody at last; there need be no business to tell."""
    nobody = told_by(run, "business") if not spec.escalation.business else frozenset()
    for step in {step.n: step for step in steps}.values():
        left_out = step.state is StepState.SKIPPED and "reached" not in (step.result or {})
        if step.kind in TELLING and step.name not in nobody and step.state is not StepState.STARTED and not left_out:
            reached = (step.result or {}).get("reached") or []
            yield Check(
                f"{step.name}: people told", bool(reached), ", ".join(reached) or str((step.result or {})["text"])
            )


def _changed(spec: ServiceSpec, made: Sequence[StepRow]) -> Iterator[Check]:
    words = [
        f"{step.request['target']}: {step.request['from_version']} -> {step.request['to_version']}" for step in made
    ]
    yield Check("changed", bool(made), "; ".join(words) or "nothing")
    real = set(_targets(spec, drill=False))
    touched = sorted({str(step.request["target"]) for step in made} & real)
    text = f"touched {', '.join(touched)}" if touched else "untouched"
    yield Check("what production uses", not touched, text)


def _targets(spec: ServiceSpec, *, drill: bool) -> Iterator[str]:
    for name in ("release", *spec.actions):
        try:
            yield build_hook(spec, name, drill=drill).target
        except ActionError:  # one that needs an item, or is not there
            continue


def _record(tx: Connection, run: Run) -> Check:
    broken = timeline.first_broken(timeline.entries(tx, run.incident_id))
    return Check("record whole", broken is None, "its chain holds" if broken is None else f"broken at {broken.id}")


def _in_time(spec: ServiceSpec, times: Mapping[str, timedelta | None]) -> Iterator[Check]:
    targets = spec.drill.targets
    for name, took in times.items():
        target: timedelta = getattr(targets, name)
        text = f"{'never' if took is None else span(took)}, of {format_duration(target)}"
        yield Check(f"{name} in time", took is not None and took <= target, text)
