"""What a runbook does, step by step, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from burnline.runbooks.conditions import Found, When
from burnline.runbooks.kinds import BEFORE, Act, Approve, Collect, Verify
from burnline.runbooks.load import Recipe
from burnline.runbooks.model import Preconditions, Step
from burnline.spec.service import RELEASE
from burnline.spec.units import format_duration
from burnline.spec.words import choice

COLLECTED = {"sli": "how the SLI went"}  # the others are named as they are
SILENCE = {"escalate": "the run ends and people are told", "abort": "the run ends", "proceed": "the run goes on"}


def described_steps(recipe: Recipe) -> Iterator[str]:
    """Each step in words, with the parameters as they are unless somebody gives others."""
    for step in recipe.runbook.steps:
        only = f", only when {_condition(step.when)}" if step.when else ""
        yield f"{step.name} ({step.kind}{only}): {_does(step)}"


def described_preconditions(rule: Preconditions) -> Iterator[str]:
    """What must hold of the release before anything is changed."""
    if rule.target_changed_within is not None:
        yield f"the release was changed within {format_duration(rule.target_changed_within)} before the alert"
    if rule.previous_version_known:
        yield "it is known which version served before"


def _does(step: Step) -> str:
    if step.check:
        return f"looks which version serves, since when, and how the SLI went over {format_duration(step.check.window)}"
    if step.wait:
        return f"waits {format_duration(step.wait.duration)}"
    if step.notify:
        return f"tells the receivers of {step.notify.to}: {step.notify.text}"
    if step.escalate:
        return f"tells the receivers of {step.escalate.to} that a person must take over: {step.escalate.text}"
    if step.collect:
        return _collects(step.collect)
    if step.approve:
        return _asks(step.approve)
    if step.act:
        return _changes(step.act)
    return _proves(step.verify) if step.verify else step.note or ""


def _collects(rule: Collect) -> str:
    what = [COLLECTED.get(each, each) for each in rule.what]
    parts = [f"{_and(what)}, over {format_duration(rule.over)}"] if what else []
    parts += [f"what the probe {rule.probe} says"] if rule.probe else []
    return f"puts on record {', and '.join(parts)}"


def _asks(rule: Approve) -> str:
    who = f"asks {_count(rule.people, 'person', 'people')} at least" if rule.people else "asks people"
    later = [f"after {format_duration(each.after)} also the receivers of {each.to}" for each in rule.levels]
    words = f"{who}, unless the binding asks none" if not rule.people else who
    silent = f"if nobody decides within {format_duration(rule.expires)}, {SILENCE[rule.on_expiry]}"
    return "; ".join([", ".join([f"{words}: tells the receivers of {rule.to}", *later]), silent])


def _changes(rule: Act) -> str:
    what = "the release" if rule.hook == RELEASE else rule.hook
    item = f" of {rule.item}" if rule.item else ""
    to = "the previous version" if (rule.hook, rule.to) == (RELEASE, "previous") else rule.to
    within = format_duration(rule.changed_within) if rule.changed_within is not None else ""
    blamed = f", if it was changed within {within} before the alert" if within else ""
    words = f"sets {what}{item} to {to}{blamed}"
    if rule.undo is None:
        return f"{words}; the run does not take it back"
    back = "sets it back" if rule.undo == BEFORE else f"sets it to {rule.undo}"
    return f"{words}; {back} when the run fails or makes things worse"


def _proves(rule: Verify) -> str:
    enough = "at least " + _count(rule.min_events, "event", "events")
    bad = "what the objective allows" if rule.max_bad is None else f"{rule.max_bad:.3%}".replace(".000%", "%")
    of = f"of {rule.slo}" if rule.slo else "of the alert's SLI"
    windows = f"{rule.good} of the last {rule.of} windows" if rule.of > 1 else "one window"
    settle = f"waits {format_duration(rule.settle)}, then " if rule.settle else ""
    return (
        f"{settle}looks at windows of {format_duration(rule.window)} {of} for at most "
        f"{format_duration(rule.patience)}: it helped when {windows} had {enough} and a bad share within {bad}"
    )


def _condition(when: When) -> str:
    parts = [f"{name} is {_values(value)}" for name, value in when.params.items()]
    parts += [f"the service has a hook {when.hook}"] if when.hook else []
    parts += [f"the service has a probe {when.probe}"] if when.probe else []
    parts += [_found(each) for each in when.found]
    said = " and ".join(parts)
    unless = f"unless {_condition(when.unless)}" if when.unless else ""
    return f"{said}, {unless}" if said and unless else said or unless


def _found(found: Found) -> str:
    bounds = [f"is {_values(found.equals)}"] if found.equals is not None else []
    bounds += [f"is above {found.above:g}"] if found.above is not None else []
    bounds += [f"is below {found.below:g}"] if found.below is not None else []
    return f"{found.value} of {found.step} {_and(bounds)}"


def _values(value: Any) -> str:
    """One value or several; a truth is yes or no, a number stays a number."""
    values = value if isinstance(value, tuple) else (value,)
    return choice(({True: "yes", False: "no"}[each] if isinstance(each, bool) else str(each)) for each in values)


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _count(n: int, one: str, many: str) -> str:
    return f"{n:,} {one if n == 1 else many}"
