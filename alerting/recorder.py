"""What one delivered alert changes: its episode, its service's incident, the record, the runs that should exist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection

from burnline.alerting.episodes import episode_of, merge
from burnline.alerting.traces import link_traces
from burnline.events import AlertEvent, RunRequest
from burnline.metrics import SERVICE, SEVERITY, SIGNAL, SLO
from burnline.runbooks.match import about_drills, bindings_for, is_drill
from burnline.spec.binding import RunbookBinding
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration
from burnline.store import incidents, timeline
from burnline.store.incidents import CLOSED, Episode, Incident, drills_of, of_drills
from burnline.store.releases import recent_releases
from burnline.store.runs import request_run

UNKNOWN_SERVICE = "unknown"
OTHER_SERVICES = "__other__"  # no label becomes this name: a service begins with a letter or a digit
MAX_UNKNOWN = (
    100  # open incidents of services without a file: labels are anybody's, and a storm must not hide a service
)
RANK = {"page": 2, "ticket": 1}
MAX_NAME = 63
MAX_TITLE = 200


class RunbookText(Protocol):
    """What a run keeps of the runbook it was started with."""

    @property
    def digest(self) -> str: ...

    @property
    def body(self) -> str: ...


class RunbookSource(Protocol):
    """Where runbooks are found by id."""

    def get(self, runbook_id: str, /) -> RunbookText | None: ...


class Recorder:
    """Puts deliveries on record, inside the caller's transaction; `begin` is said at the start of each.

    What one transaction has read of incidents and runs it need not read again: in a storm every alert asks the same.
    """

    def __init__(
        self, specs: Sequence[ServiceSpec], catalogue: RunbookSource, *, flap_window: timedelta, lookback: timedelta
    ) -> None:
        self._specs = {spec.service: spec for spec in specs}
        self._catalogue = catalogue
        self._flap_window = flap_window
        self._lookback = lookback
        self._incidents: dict[str, Incident] = {}  # open ones, by service
        self._runs: dict[tuple[int, str], int] = {}  # open ones, by incident and runbook

    def begin(self) -> None:
        """Forget what an earlier transaction read."""
        self._incidents.clear()
        self._runs.clear()

    def deliver(self, tx: Connection, alert: AlertEvent, now: datetime) -> None:
        """Take one delivery; a copy of what is known already changes only its count."""
        reach = alert.starts_at - self._flap_window
        episodes = incidents.episodes_since(tx, alert.source, alert.fingerprint, reach)
        known = episode_of(episodes, alert)
        if known is None:
            self._begin(tx, alert, now)
            return
        merged = merge(known, alert, latest=known is episodes[-1])
        if merged.state != known.state:
            self._incidents.clear()
            merged = _turn(tx, merged, now)
        incidents.keep_episode(tx, merged)

    def _begin(self, tx: Connection, alert: AlertEvent, now: datetime) -> None:
        service, incident = self._incident_of(tx, service_of(alert.labels), drill=about_drills(alert.labels))
        incident = incident or self._open_incident(tx, service, alert, now)
        episode = incidents.start_episode(tx, alert, incident_id=incident.id, service=service, now=now)
        if episode.state == CLOSED:
            _note(tx, episode, now, "episode_closed", f"{describe(alert.labels)} was over before it was heard of")
            return
        _note(tx, episode, now, "episode_opened", f"{describe(alert.labels)} fires")
        if _retitle(tx, incident, episode, now):
            self._incidents.clear()
        self._request_runs(tx, episode, now)

    def _incident_of(self, tx: Connection, service: str, *, drill: bool) -> tuple[str, Incident | None]:
        """The name to file an alert of `service` under, and the incident that is open under it."""
        name = drills_of(service) if drill else service
        incident = self._open(tx, name)
        if incident is not None or service in self._specs:
            return name, incident
        if incidents.count_open(tx, but_not=self._specs.keys()) < MAX_UNKNOWN:
            return name, None
        return OTHER_SERVICES, self._open(tx, OTHER_SERVICES)

    def _open(self, tx: Connection, service: str) -> Incident | None:
        incident = self._incidents.get(service) or incidents.open_incident(tx, service)
        if incident is not None:
            self._incidents[service] = incident
        return incident

    def _open_incident(self, tx: Connection, service: str, alert: AlertEvent, now: datetime) -> Incident:
        title = title_of(alert.labels, alert.annotations)
        if service == OTHER_SERVICES:
            title = f"alerts of services without a file, past the first {MAX_UNKNOWN} with an open incident"
        severity = alert.labels.get(SEVERITY, "")
        incident = incidents.start_incident(tx, service=service, title=title, severity=severity, now=now)
        _say(tx, incident, now, "incident_opened", f"incident of {incident.about} opened: {incident.title}")
        for release in recent_releases(tx, service, now - self._lookback):
            timeline.append(
                tx,
                incident_id=incident.id,
                at=release.seen_at,
                source="release",
                type="release_seen",
                text=f"version {release.version} took over from {release.previous}, "
                f"{format_duration(_whole_seconds(now - release.seen_at))} before the incident",
                data={"version": release.version, "previous": release.previous, "seen_by": release.source},
            )
        if service in self._specs:
            link_traces(tx, incident, alert.starts_at, now)
        return incident

    def _request_runs(self, tx: Connection, episode: Episode, now: datetime) -> None:
        # by the label as it is, not as it was sanitised: a runbook needs an alert that names its service exactly
        spec = self._specs.get(episode.labels.get(SERVICE, ""))
        for binding in bindings_for(spec, episode.labels) if spec else ():
            self._request_run(tx, episode, binding, now)

    def _request_run(self, tx: Connection, episode: Episode, binding: RunbookBinding, now: datetime) -> None:
        runbook = self._catalogue.get(binding.run)
        if runbook is None:
            _note(
                tx, episode, now, "runbook_missing", f"runbook {binding.run} is not in the catalogue: nothing started"
            )
            return
        key = (episode.incident_id, binding.run)
        open_run = self._runs.get(key) or incidents.open_run_of(tx, *key)
        if open_run is not None:
            self._runs[key] = open_run
            text = f"runbook {binding.run} is at work already: joined run {open_run}"
            _note(tx, episode, now, "run_joined", text, run=open_run)
            return
        request = RunRequest(
            service=episode.labels[SERVICE],
            runbook=binding.run,
            episode_id=episode.id,
            incident_id=episode.incident_id,
            approval=binding.approval,
            params=dict(binding.params),
            approvers=dict(binding.approvers),
            drill=is_drill(episode.labels),
        )
        run_id = request_run(tx, request, digest=runbook.digest, body=runbook.body, now=now)
        if run_id is not None:
            _note(tx, episode, now, "run_requested", f"runbook {binding.run} requested as run {run_id}", run=run_id)


def close_quiet_incidents(tx: Connection, now: datetime) -> int:
    """Close every open incident without an open episode or run; returns how many."""
    quiet = incidents.quiet_incidents(tx)
    for incident in quiet:
        incidents.close_incident(tx, incident.id, now)
        text = f"incident of {incident.about} closed: every alert is resolved and every run has ended"
        _say(tx, incident, now, "incident_closed", text)
    return len(quiet)


def service_of(labels: Mapping[str, str]) -> str:
    """The service an alert is about, safe as a name; alerts without one belong to `unknown`.

    >>> service_of({"service": "Card Fraud (EU)!"})
    'card-fraud-eu'
    """
    plain = re.sub(r"[^a-z0-9_-]+", "-", labels.get(SERVICE, "").lower())
    return plain[:MAX_NAME].strip("-_") or UNKNOWN_SERVICE


def describe(labels: Mapping[str, str]) -> str:
    """An alert in a few words: its name, and the SLO or signal it is about.

    >>> describe({"alertname": "ErrorBudgetBurn", "slo": "latency", "tier": "page-fast"})
    'ErrorBudgetBurn latency page-fast'
    """
    words = [labels.get("alertname") or "alert without a name", *(labels.get(name) for name in (SLO, SIGNAL, "tier"))]
    return " ".join(word for word in words if word)[:MAX_TITLE]


def title_of(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """What an incident is called after an alert: its summary, else its name."""
    return (annotations.get("summary") or describe(labels))[:MAX_TITLE]


def _retitle(tx: Connection, incident: Incident, episode: Episode, now: datetime) -> bool:
    """Name the incident after the alert that joins it when that is more severe than the one it is named after."""
    severity = episode.labels.get(SEVERITY, "")
    if RANK.get(severity, 0) <= RANK.get(incident.severity, 0) or incident.service == OTHER_SERVICES:
        return False
    title = title_of(episode.labels, episode.annotations)
    incidents.retitle_incident(tx, incident.id, title=title, severity=severity)
    text = f"now a {severity}: {title} (was: {incident.title})"
    _note(tx, episode, now, "incident_retitled", text, title=title, previous=incident.title)
    return True


def _turn(tx: Connection, episode: Episode, now: datetime) -> Episode:
    """Put an end or a coming back on record; returns the episode in the incident it belongs to from now on."""
    if episode.state == CLOSED:
        _note(tx, episode, now, "episode_closed", f"{describe(episode.labels)} is resolved")
        return episode
    back = replace(episode, incident_id=_incident_to_rejoin(tx, episode, now))
    _note(tx, back, now, "episode_reopened", f"{describe(back.labels)} fires again")
    return back


def _incident_to_rejoin(tx: Connection, episode: Episode, now: datetime) -> int:
    """The service's open incident; without one, the episode's old incident opens again."""
    incident = incidents.open_incident(tx, episode.service)
    if incident is not None:
        if incident.id != episode.incident_id:
            _retitle(tx, incident, replace(episode, incident_id=incident.id), now)
        return incident.id
    incidents.reopen_incident(tx, episode.incident_id)
    if (incident := incidents.find_incident(tx, episode.incident_id)) is not None:
        _say(tx, incident, now, "incident_reopened", f"incident of {incident.about} opened again")
    return episode.incident_id


def _say(tx: Connection, incident: Incident, now: datetime, type_: str, text: str) -> None:
    timeline.append(tx, incident_id=incident.id, at=now, source="alerting", type=type_, text=text, drill=incident.drill)


def _note(tx: Connection, episode: Episode, now: datetime, type_: str, text: str, **data: Any) -> None:
    timeline.append(
        tx,
        incident_id=episode.incident_id,
        at=now,
        source="alerting",
        type=type_,
        text=text,
        data={"episode": episode.id, "fingerprint": episode.fingerprint, "source": episode.source, **data},
        drill=of_drills(episode.service),
    )


def _whole_seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=int(span.total_seconds()))
