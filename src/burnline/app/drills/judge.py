"""Did everything happen that should: detected when theory says, people told, the runbook run, and it helped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from burnline.alerting.audience import GROUP_WAIT
from burnline.app.drills.check import Check
from burnline.app.drills.ran import how_it_ended, last_word, looked, only_looks, told_by
from burnline.app.drills.scenarios import Harm, Scenario
from burnline.app.drills.simulate import Played, RunSeen
from burnline.app.drills.standin import Message
from burnline.app.drills.theory import Expected, expected
from burnline.events import Outcome, StepState
from burnline.metrics import SEVERITY, SIGNAL, SLO
from burnline.runbooks.match import bindings_for
from burnline.spec.binding import NEED, RunbookBinding
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration
from burnline.spec.words import choice
from burnline.store.incidents import Episode

DID_NOT_HELP = (Outcome.NOT_RECOVERED, Outcome.WORSE)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Times:
    """From the fault to its first alert, from there to the change, from the fault to the proof; None: never."""

    detect: timedelta | None = None
    respond: timedelta | None = None
    recover: timedelta | None = None


def judge(spec: ServiceSpec, scenario: Scenario, harm: Harm, played: Played, held: Played) -> tuple[Times, list[Check]]:
    """Judge a drill; `held` is the same one with a fault that nothing ends."""
    fired = _about(harm, played)
    times = _times(played, fired)
    mends = not played.runs or any(not only_looks(seen.run) for seen in played.runs)
    checks = [
        _detected(expected(spec, harm), played, fired),
        _told(spec, scenario, fired, played.messages),
        _ran(spec, fired, played.runs),
        *(looked(seen.run, seen.steps) for seen in played.runs if only_looks(seen.run)),
        *(_mended(spec, scenario, fired, played, held) if mends else ()),
        *_business(spec, played),
        *_in_time(spec, times, ("detect", "respond", "recover") if mends else ("detect",)),
    ]
    return times, checks


def _mended(
    spec: ServiceSpec, scenario: Scenario, fired: Sequence[Episode], played: Played, held: Played
) -> Iterator[Check]:
    """What is asked of runs that change something."""
    yield from _asked(spec, fired, played.runs)
    yield _changed(scenario, played)
    yield _recovered(played)
    yield _held(held)


def _about(harm: Harm, played: Played) -> list[Episode]:
    """The alerts of what was harmed, in order."""
    found = [
        each
        for each in played.episodes
        if each.labels.get(SLO) in harm.shares or each.labels.get(SIGNAL) in harm.signals
    ]
    return sorted(found, key=lambda each: each.opened_at)


def _times(played: Played, fired: Sequence[Episode]) -> Times:
    if not fired:
        return Times()
    alert = fired[0].opened_at
    proved = [
        seen.run.finished_at
        for seen in played.runs
        if seen.run.outcome is Outcome.RECOVERED and seen.run.finished_at is not None
    ]
    return Times(
        alert - played.fault_at,
        played.changes[0].at - alert if played.changes else None,
        max(proved) - played.fault_at if proved else None,
    )


def _detected(wanted: Sequence[Expected], played: Played, fired: Sequence[Episode]) -> Check:
    """What must have fired before the fault ended is judged; what would have come later is not."""
    over = (played.mended_at or played.ended_at) - played.fault_at
    said, ok = [], bool(fired)
    for each in wanted:
        mine = [one for one in fired if _subject(one) == each.subject and one.labels.get(SEVERITY) == each.severity]
        window = f"theory says {span(each.earliest)} to {span(each.latest)}"
        if mine:
            after = mine[0].opened_at - played.fault_at
            ok = ok and each.earliest <= after <= each.latest
            early = "too early: " if after < each.earliest else "too late: " if after > each.latest else ""
            said.append(f"{early}{_named(mine[0])} after {span(after)}, {window}")
        elif each.latest < over:
            ok = False
            said.append(f"{each.subject} {each.tier or each.severity} did not fire, {window}")
    return Check("detected", ok, "; ".join(said) or "nothing fired")


def _told(spec: ServiceSpec, scenario: Scenario, fired: Sequence[Episode], messages: Sequence[Message]) -> Check:
    """Somebody must have heard of the most severe of what fired."""
    severity = next((name for name in ("page", "ticket") if any(_severity(one) == name for one in fired)), "")
    if not severity:
        return Check("people told", ok=False, text="nothing fired, so nobody was told")
    if not getattr(spec.escalation, severity):
        return Check("people told", ok=False, text=f"escalation.{severity} names nobody")
    about = [each for each in messages if each.severity == severity]
    if not about and all(each.ended_at and each.ended_at - each.opened_at <= GROUP_WAIT for each in fired):
        quick = f"nobody: all was over within {format_duration(GROUP_WAIT)}, before people are told"
        return Check("people told", ok=True, text=quick)
    reached = list(dict.fromkeys(each.receiver for each in about if each.reached))
    missed = list(dict.fromkeys(each.receiver for each in about if not each.reached))
    text = f"{severity}: {', '.join(reached) or 'nobody'}" + (f"; down: {', '.join(missed)}" if missed else "")
    return Check("people told", bool(reached) and (bool(missed) or not scenario.deaf), text)


def _ran(spec: ServiceSpec, fired: Sequence[Episode], runs: Sequence[RunSeen]) -> Check:
    wanted = list(_bound(spec, fired))
    if not wanted:
        names = "; ".join(dict.fromkeys(_named(each) for each in fired)) or "anything that fired"
        return Check("runbook ran", ok=False, text=f"no runbook is bound to {names}")
    counts = {name: sum(seen.run.runbook == name for seen in runs) for name in wanted}
    text = ", ".join(f"{name} {'once' if n == 1 else f'{n} times'}" for name, n in counts.items())
    return Check("runbook ran", all(n == 1 for n in counts.values()), text)


def _asked(spec: ServiceSpec, fired: Sequence[Episode], runs: Sequence[RunSeen]) -> Iterator[Check]:
    """People are asked where the binding says so, and not passed over."""
    for name, binding in _bound(spec, fired).items():
        seen = next((each for each in runs if each.run.runbook == name), None)
        if seen is None or only_looks(seen.run):
            continue
        asked = seen.asked
        if not NEED[binding.approval] and asked is None:
            yield Check("people asked", ok=True, text=f"{name}: nobody, as its binding says")
        elif asked is None:
            yield Check("people asked", ok=False, text=f"{name}: never, though its binding says {binding.approval}")
        else:
            after = f" after {span(asked.decided_at - asked.requested_at)}" if asked.decided_at else ""
            yield Check("people asked", asked.state == "approved", f"{name}: {asked.state}{after}")


def _changed(scenario: Scenario, played: Played) -> Check:
    made = [" ".join(filter(None, (each.hook, each.item, "->", each.state))) for each in played.changes]
    places = [(each.hook, each.item) for each in played.changes]
    if not made:
        return Check("changed", ok=False, text=f"nothing: {_why(played)}")
    if len(set(places)) < len(places):
        return Check("changed", ok=False, text=f"more than once: {', '.join(made)}")
    if played.mended_at is None:
        useless = f"{', '.join(made)}, which does not help when {scenario.says}"
        return Check("changed", ok=False, text=f"{useless}; {choice(sorted(scenario.mended_by))} would")
    return Check("changed", ok=True, text=f"{', '.join(made)}, once")


def _recovered(played: Played) -> Check:
    ends = ", ".join(f"{seen.run.runbook} {how_it_ended(seen.run, seen.steps)}" for seen in played.runs)
    proved = any(seen.run.outcome is Outcome.RECOVERED for seen in played.runs)
    return Check("recovered", proved and played.mended_at is not None, ends or "nothing ran")


def _business(spec: ServiceSpec, played: Played) -> Iterator[Check]:
    """Where a runbook that ran tells the business, all of them must have heard."""
    wanted = spec.escalation.business
    if wanted and any(_tells_business(seen) for seen in played.runs):
        heard = {each.receiver for each in played.messages if each.severity == "business" and each.reached}
        missed = [each for each in wanted if each not in heard]
        text = f"never heard of it: {', '.join(missed)}" if missed else ", ".join(wanted)
        yield Check("business told", not missed, text)


def _tells_business(seen: RunSeen) -> bool:
    """Whether it has such a step that was not left out."""
    left_out = {step.name for step in seen.steps if step.state is StepState.SKIPPED}
    return bool(told_by(seen.run, "business") - left_out)


def _held(held: Played) -> Check:
    """With a fault that stays, a run must say that it did not help, and call people."""
    name = "says when it did not help"
    if not held.changes:
        return Check(name, ok=False, text=f"not tried, for nothing was changed: {_why(held)}")
    wrong = [f"{seen.run.runbook} {how_it_ended(seen.run, seen.steps)}" for seen in held.runs if not _gave_up(seen)]
    ends = [f"{seen.run.runbook} {seen.run.outcome}" for seen in held.runs if _gave_up(seen)]
    if not ends:
        return Check(name, ok=False, text=", ".join(wrong) or "nothing ran")
    steps = [step for seen in held.runs for step in seen.steps if step.kind == "escalate"]
    calls = [step for step in steps if (step.result or {}).get("reached")]
    text = f"{', '.join(ends)}; {'called for people' if calls else 'nobody was called'}"
    return Check(name, bool(calls), text)


def _gave_up(seen: RunSeen) -> bool:
    return seen.run.outcome in DID_NOT_HELP


def _in_time(spec: ServiceSpec, times: Times, names: Sequence[str]) -> Iterator[Check]:
    targets = spec.drill.targets
    for name in names:
        took, target = getattr(times, name), getattr(targets, name)
        text = f"{'never' if took is None else span(took)}, of {format_duration(target)}"
        yield Check(f"{name} in time", took is not None and took <= target, text)


def _bound(spec: ServiceSpec, fired: Sequence[Episode]) -> Mapping[str, RunbookBinding]:
    found: dict[str, RunbookBinding] = {}
    for each in fired:
        for binding in bindings_for(spec, each.labels):
            found.setdefault(binding.run, binding)
    return found


def _why(played: Played) -> str:
    """Why nothing was changed, as the last run says it."""
    if not played.runs:
        return "no run"
    last = played.runs[-1]
    return f"{last.run.runbook} ended {last.run.outcome or 'not at all'}: {last_word(last.run, last.steps)}"


def _subject(episode: Episode) -> str:
    return episode.labels.get(SLO) or episode.labels.get(SIGNAL) or ""


def _severity(episode: Episode) -> str:
    return episode.labels.get(SEVERITY, "")


def _named(episode: Episode) -> str:
    words = (episode.labels.get("alertname"), _subject(episode), episode.labels.get("tier"))
    return " ".join(word for word in words if word)


def span(value: timedelta) -> str:
    """A time as people read it, to a tenth of a second under a minute and a second above."""
    unit = SECOND / 10 if value < 60 * SECOND else SECOND
    return format_duration(timedelta(seconds=round(value / unit) * unit.total_seconds()))
