"""`burnline incident export`: what is on record of an incident, as the draft of a post-mortem.

The times are one incident's own; their mean over many incidents is what MTTD, MTTA and MTTR mean (Beyer et al., Site
Reliability Engineering, 2016, chapter 1, "Emergency Response"). The sections left to people are those of its
appendix D, "Example Postmortem".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from burnline.app.incident_views import RunView, run_view
from burnline.app.trace_links import Links, TraceLink
from burnline.detectors.burn.recount import kept_recounter
from burnline.errors import BurnlineError
from burnline.events import Finding, Outcome
from burnline.slo.report.embedded import Kept
from burnline.slo.report.kept import SloReport
from burnline.slo.report.period import ReportPeriod
from burnline.slo.windows import period_length
from burnline.spec.service import ServiceSpec
from burnline.store import approvals, incidents, runs, timeline
from burnline.store.incidents import Episode, Incident
from burnline.store.releases import Release, recent_releases
from burnline.store.signals import worst_findings
from burnline.store.timeline import Entry

NO_LINKS = Links()
RELEASES_BEFORE = timedelta(days=1)
SIGNALS_BEFORE = timedelta(hours=1)  # a model goes wrong before its service does
TELLING = ("people_told", "approval_told", "approval_untold", "run_told")
FOR_PEOPLE = (
    ("Summary", "Two sentences that anybody understands: what broke, for whom, how long."),
    ("Impact", "Who was harmed, how many, and what it cost."),
    ("Root cause", "Why it could happen at all, not who did it."),
    ("Trigger", "What set it off at that moment."),
    ("What went well", "What shall stay as it is."),
    ("What went wrong", "What made it longer or worse."),
    ("Where we got lucky", "What would have been worse another day."),
)


@dataclass(frozen=True, slots=True)
class Time:
    """One measured span: what it is called, what it means, and what it was; None when the record does not say."""

    name: str
    meaning: str
    took: timedelta | None


@dataclass(frozen=True, slots=True)
class AlertLine:
    """One alert of the incident."""

    labels: Mapping[str, str]
    began: datetime
    ended: datetime | None
    deliveries: int


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to people, and what they said."""

    runbook: str
    state: str
    asked_at: datetime
    plan: Mapping[str, Any]
    votes: tuple[approvals.Vote, ...]


@dataclass(frozen=True, slots=True)
class Spent:
    """Events of one SLO in the incident. `of_window`: the share of its whole budget, were traffic even over it."""

    slo: str
    objective: float
    window: str
    bad: float
    total: float
    of_window: float | None
    trouble: str


@dataclass(frozen=True, slots=True)
class PostMortem:
    """Everything that is known of one incident."""

    incident: Incident
    made_at: datetime
    began: datetime
    chain_holds: bool
    head: str
    times: tuple[Time, ...]
    alerts: tuple[AlertLine, ...]
    releases: tuple[Release, ...]
    runs: tuple[RunView, ...]
    asked: tuple[Asked, ...]
    told: tuple[Entry, ...]
    spent: tuple[Spent, ...]
    spent_trouble: str
    actions: tuple[tuple[str, str], ...]
    timeline: tuple[Entry, ...]
    signals: tuple[Finding, ...] = ()
    traces: tuple[TraceLink, ...] = ()
    logs_url: str = ""
    for_people: tuple[tuple[str, str], ...] = FOR_PEOPLE


def gather(
    tx: Connection,
    incident_id: int,
    specs: Sequence[ServiceSpec],
    now: datetime,
    *,
    trouble: str = "",
    links: Links = NO_LINKS,
) -> PostMortem:
    """All that is on record of an incident. Raises: BurnlineError when there is none of that number."""
    found = incidents.find_incident(tx, incident_id)
    if found is None:
        newest = [str(each.id) for each in incidents.list_incidents(tx, limit=5)]
        there = f"the newest are {', '.join(newest)}" if newest else "there is none"
        raise BurnlineError(f"no incident has the number {incident_id}; {there}")
    record = timeline.entries(tx, incident_id)
    alerts = [each for each in _episodes(tx, found, now) if each.incident_id == incident_id]
    made = runs.runs_of_incident(tx, incident_id)
    began = min([found.opened_at, *(each.first_starts_at for each in alerts)])
    until = found.closed_at or now
    reports, why = _reports(tx, found, specs, began, until)
    views = tuple(run_view(tx, each) for each in made)
    return PostMortem(
        incident=found,
        made_at=now,
        began=began,
        chain_holds=timeline.first_broken(record) is None,
        head=record[-1].hash if record else timeline.GENESIS,
        times=tuple(_times(found, alerts, record, views, reports)),
        alerts=tuple(AlertLine(e.labels, e.first_starts_at, e.ended_at, e.deliveries) for e in alerts),
        releases=tuple(
            each for each in recent_releases(tx, found.service, began - RELEASES_BEFORE) if each.seen_at <= until
        ),
        runs=views,
        asked=tuple(_asked(tx, made)),
        told=tuple(each for each in record if each.type in TELLING or each.data.get("reached") is not None),
        spent=tuple(_spent(each, specs, until - began) for each in reports),
        spent_trouble=trouble or why,
        actions=tuple(_actions(made)),
        timeline=tuple(sorted(record, key=lambda entry: (entry.at, entry.id))),
        signals=tuple(worst_findings(tx, found.service, began - SIGNALS_BEFORE, until)),
        traces=links.traces(record),
        logs_url=links.logs(found, now),
    )


def _episodes(tx: Connection, found: Incident, now: datetime) -> list[Episode]:
    early = found.opened_at - timedelta(days=7)
    return incidents.episodes_between(tx, [found.service], early, found.closed_at or now)


def _times(
    found: Incident,
    alerts: Sequence[Episode],
    record: Sequence[Entry],
    made: Sequence[RunView],
    reports: Sequence[SloReport],
) -> Iterator[Time]:
    yield _detection(alerts, reports)
    people = [entry.at for entry in record if entry.source == "person"]
    yield Time(
        "time to acknowledge (MTTA)",
        "from the incident's opening to the first thing a person did on record",
        min(people) - found.opened_at if people else None,
    )
    changes = [
        step.ended_at for run in made for step in run.steps if step.kind == "act" and (step.result or {}).get("made")
    ]
    first = min((at for at in changes if at), default=None)
    yield Time(
        "time to the first change", "from the incident's opening to the first change a run made", _since(found, first)
    )
    proved = [run.finished_at for run in made if run.outcome == Outcome.RECOVERED and run.finished_at]
    yield Time(
        "time to proof",
        "from the incident's opening to the end of the run that proved the recovery",
        _since(found, min(proved, default=None)),
    )
    ended = [each.ended_at for each in alerts]
    last = max((at for at in ended if at), default=None) if None not in ended else None
    start = min((each.first_starts_at for each in alerts), default=None)
    yield Time(
        "time to recover (MTTR)",
        "from the start of the first alert to the end of the last one",
        last - start if last and start else None,
    )


def _since(found: Incident, at: datetime | None) -> timedelta | None:
    return None if at is None else at - found.opened_at


def _detection(alerts: Sequence[Episode], reports: Sequence[SloReport]) -> Time:
    known = [each.detected_in for report in reports for each in report.episodes if each.detected_in is not None]
    if known:
        meaning = "from the first bad events that the SLO counted to the alert"
        return Time("time to detect (MTTD)", meaning, min(known))
    heard = [each.opened_at - each.first_starts_at for each in alerts]
    meaning = "from the alert's own start until burnline heard of it: when the fault began is not on record"
    return Time("time to detect (MTTD)", meaning, max(timedelta(0), min(heard)) if heard else None)


def _asked(tx: Connection, made: Sequence[runs.Run]) -> Iterator[Asked]:
    for run in made:
        for each in approvals.approvals_of_run(tx, run.id):
            said = tuple(approvals.votes(tx, each.id))
            yield Asked(run.runbook, each.state, each.requested_at, each.plan, said)


def _reports(
    tx: Connection, found: Incident, specs: Sequence[ServiceSpec], began: datetime, until: datetime
) -> tuple[Sequence[SloReport], str]:
    own = [spec for spec in specs if spec.service == found.service]
    if found.drill:
        return (), "a drill costs no budget"
    if not own:
        return (), f"no service file names {found.service}"
    if not until > began:
        return (), "the incident was over at once"
    period = ReportPeriod("incident", began, until, until)
    return Kept(tx, own, period, "UTC", recount=kept_recounter(tx, own)).report(until).services[0].slos, ""


def _spent(report: SloReport, specs: Sequence[ServiceSpec], lasted: timedelta) -> Spent:
    spec = next(spec for spec in specs if spec.service == report.service)
    slo = spec.slo(report.slo)
    share = None
    if slo is not None and report.total > 0 and not report.trouble:
        burn = report.bad / report.total / (1 - report.objective)
        share = burn * (lasted / period_length(slo.window))
    return Spent(report.slo, report.objective, report.window, report.bad, report.total, share, report.trouble)


def _actions(made: Sequence[runs.Run]) -> Iterator[tuple[str, str]]:
    """What the runbooks, as they were then, say is to be done afterwards: one sentence, one item."""
    for runbook, body in {run.runbook: run.body for run in made}.items():
        try:
            text = str(json.loads(body)["prose"]["afterwards"])
        except (ValueError, KeyError, TypeError):
            continue
        yield from ((runbook, each) for each in re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(text.split())) if each)


def to_json(made: PostMortem) -> str:
    """For programs: moments in ISO 8601, spans in seconds."""
    return json.dumps(asdict(made), indent=2, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)
