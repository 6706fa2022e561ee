"""Steps that only look: the diagnosis, and what a person would look up first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from burnline.errors import InDoubt
from burnline.events import Counts, Verdict
from burnline.metrics import SIGNAL
from burnline.runbooks.guards import last_change
from burnline.runbooks.kinds import Collect
from burnline.runbooks.match import verified_slo
from burnline.runbooks.model import Step
from burnline.runbooks.probes import look
from burnline.runbooks.results import Done, Result
from burnline.runbooks.turn import Judged, Turn
from burnline.spec.units import format_duration, format_moment
from burnline.store.incidents import drills_of, episodes_between
from burnline.store.releases import recent_releases
from burnline.store.runs import StepRow
from burnline.store.signals import latest_findings

READ_TIMEOUT = timedelta(minutes=2)
MOST_LINES = 20
NO_SLI = "the alert is about no SLI"


def check(turn: Turn, step: Step, _row: StepRow, _again: bool) -> Result:
    """Which version serves since when, and how bad the SLI was."""
    assert step.check is not None  # noqa: S101 - chosen by kind, here and below
    now = turn.clock()
    share = bad_share(turn, turn.sli(""), now - step.check.window, now)
    seen: dict[str, Any] = {"bad_share": share}
    over = f" over {format_duration(step.check.window)}"
    text = (f"bad share {share:.2%}" if share is not None else "the SLI has no events") + over
    text = text if _about_sli(turn) else NO_SLI
    if (hook := turn.release) is not None:
        version = turn.guarded("observing", step.timeout, hook.observe)
        changed = turn.guarded("observing", step.timeout, lambda: last_change(turn, hook))
        seen |= {"version": version, "changed_at": changed.isoformat() if changed else None}
        text += f"; version {version} serves" if version else "; nobody knows which version serves"
        text += f" since {format_moment(changed, now)}" if changed and version else ""
    return Done(text, seen)


def collect(turn: Turn, step: Step, _row: StepRow, _again: bool) -> Result:
    """What a person would look up first, put on record."""
    assert step.collect is not None  # noqa: S101
    data: dict[str, Any] = {}
    for what in step.collect.what:
        data |= _LOOK_UP[what](turn, step.collect)
    lines = [line for what in step.collect.what for line in data[what]]
    if (name := step.collect.probe) is not None:
        probe = turn.spec.probes.get(name)
        if probe is None:
            return Done(f"the service has no probe {name}", data)
        said = turn.guarded(f"probe {name}", step.timeout, lambda: look(probe, turn.spec.service))
        data |= {"probe": name, "said": said}
        lines.append(f"{name} says {len(said.splitlines())} lines")
    return Done("; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else ""), data)


def bad_share(turn: Turn, sli: Judged, since: datetime, until: datetime) -> float | None:
    """The bad share of an SLI; None without events."""
    [counts] = read_counts(turn, sli, [(since, until)])
    return counts.bad / counts.total if counts and counts.total > 0 else None


def read_counts(turn: Turn, sli: Judged, spans: Sequence[tuple[datetime, datetime]]) -> Sequence[Counts | None]:
    """Events of an SLI in each span; a source that does not answer in time has nothing to say."""
    try:
        return turn.guarded("reading the SLI", READ_TIMEOUT, lambda: [sli.read(*span) for span in spans])
    except InDoubt:
        return [None] * len(spans)


def _releases(turn: Turn, rule: Collect) -> dict[str, Any]:
    now = turn.clock()
    with turn.db.read() as tx:
        seen = recent_releases(tx, turn.spec.service, now - rule.over)
    lines = [f"{one.version} took over from {one.previous} at {format_moment(one.seen_at, now)}" for one in seen]
    none = f"no release within {format_duration(rule.over)}"
    return {"releases": lines[-MOST_LINES:] or [none], "released": len(seen)}


def _findings(turn: Turn, _rule: Collect) -> dict[str, Any]:
    with turn.db.read() as tx:
        newest = latest_findings(tx, turn.spec.service)
    lines = []
    for one in newest:
        worst = ", ".join(each.feature for each in one.contributors[:3])
        lines.append(f"{one.signal}: {one.verdict}, {one.reason}" + (f" ({worst})" if worst else ""))
    return {"findings": lines[:MOST_LINES] or ["no signal has a finding"], "alarms": _alarms(newest)}


def _alarms(newest: Sequence[Any]) -> int:
    return sum(one.verdict is Verdict.ALARM for one in newest)


def _alerts(turn: Turn, rule: Collect) -> dict[str, Any]:
    now, own = turn.clock(), turn.spec.service
    names = [own, drills_of(own)] if turn.run.drill else [own]
    with turn.db.read() as tx:
        seen = episodes_between(tx, names, now - rule.over, now)
    lines = [_alert_line(one.labels, one.ended_at, now) for one in seen]
    return {"alerts": lines[:MOST_LINES] or ["no alert"], "firing": sum(one.ended_at is None for one in seen)}


def _alert_line(labels: Mapping[str, str], ended_at: datetime | None, now: datetime) -> str:
    name = " ".join(labels[each] for each in ("alertname", "slo", "signal", "severity") if labels.get(each))
    return f"{name[:200]}: " + (f"over since {format_moment(ended_at, now)}" if ended_at else "fires")


def _sli(turn: Turn, rule: Collect) -> dict[str, Any]:
    """The bad share in each tenth of the time."""
    now, part = turn.clock(), rule.over / 10
    spans = [(now - n * part, now - (n - 1) * part) for n in range(10, 0, -1)]
    counts = read_counts(turn, turn.sli(""), spans)
    shares = [one.bad / one.total if one and one.total else None for one in counts]
    words = " ".join("-" if share is None else f"{share:.2%}" for share in shares)
    line = f"bad share in tenths of {format_duration(rule.over)}: {words}" if _about_sli(turn) else NO_SLI
    return {"sli": [line], "shares": shares}


def _about_sli(turn: Turn) -> bool:
    """Whether the alert names something that has events: `VersionMismatch` does not."""
    labels = turn.run.labels
    return bool(labels.get(SIGNAL)) or verified_slo(turn.spec, labels) is not None


_LOOK_UP: Mapping[str, Callable[[Turn, Collect], dict[str, Any]]] = {
    "releases": _releases,
    "findings": _findings,
    "alerts": _alerts,
    "sli": _sli,
}
