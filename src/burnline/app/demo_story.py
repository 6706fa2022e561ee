"""What happened in the demo and when: noted from what burnline's API and the registry say, told at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from rich.console import Group
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from burnline.app.demo_traffic import Traffic
from burnline.slo.windows import Tier
from burnline.spec.units import format_duration

DRIFT_PATIENCE = timedelta(seconds=30)  # after the rollback: the window that held it has ended and was judged
QUIET = frozenset({"step_started"})  # entries that say nothing new


class Line(NamedTuple):
    """Something worth saying: who says it, and what."""

    source: str
    text: str


@dataclass
class Story:
    """What happened when; None is: not (yet)."""

    released: datetime | None = None
    paged: datetime | None = None
    drifted: datetime | None = None
    rolled_back: datetime | None = None
    restored: datetime | None = None
    verified: datetime | None = None
    closed: datetime | None = None
    failure: str = ""  # why there was no release at all
    budget_before: float | None = None
    budget_after: float | None = None
    traffic: Traffic = field(default_factory=Traffic)
    outcomes: dict[int, str] = field(default_factory=dict)  # run -> how it ended, "" while it goes on
    drift_said: str = "no window has ended"
    told: set[str] = field(default_factory=set)
    opened: dict[int, datetime] = field(default_factory=dict)  # incident -> when
    open: set[int] = field(default_factory=set)

    @property
    def parts(self) -> dict[str, datetime | None]:
        """Everything that must happen after the release."""
        return {
            "drift alarm": self.drifted,
            "page": self.paged,
            "rollback": self.rolled_back,
            "version 1 serves": self.restored,
            "recovery verified": self.verified,
            "incident closed": self.closed,
        }

    @property
    def complete(self) -> bool:
        """All of it happened."""
        return self.released is not None and all(self.parts.values())

    def hopeless(self, now: datetime) -> bool:
        """Nothing that may still come can make it complete."""
        if self.verified is None and (self.closed or (self.outcomes and all(self.outcomes.values()))):
            return True
        waited = self.rolled_back is not None and now - self.rolled_back > DRIFT_PATIENCE
        return bool(self.closed and waited and not self.drifted)

    def missing(self, tier: Tier, objective: float) -> dict[str, str]:
        """Every part that did not happen, with the reason as far as it is known."""
        if self.failure or self.released is None:
            return {"bad release": self.failure}
        worst = self.traffic.worst_share(self.released, tier.long)
        needed = f"a page needs {tier.factor * (1 - objective):.1%}"
        ended = ", ".join(f"run {run}: {outcome or 'not ended'}" for run, outcome in self.outcomes.items())
        serving = self.traffic.last.version if self.traffic.last else "none that answers"
        reasons = {
            "drift alarm": self.drift_said,
            "page": f"at most {worst:.1%} of the requests of {format_duration(tier.long)} failed; {needed}",
            "rollback": ended or "no runbook ran",
            "version 1 serves": f"the server serves version {serving}",
            "recovery verified": ended or "no runbook ran",
            "incident closed": "an alert fires or a run has not ended" if self.told else "no incident was opened",
        }
        return {part: reasons[part] for part, moment in self.parts.items() if moment is None}

    def note_incident(self, incident: Mapping[str, Any]) -> Iterator[Line]:
        """Take an incident as the API gives it; yields what it says that was not said before."""
        self.opened[incident["id"]] = moment(incident["opened_at"])
        for entry in incident["entries"]:
            if "page-" in entry["text"] and entry["type"] == "episode_opened":
                self.paged = self.paged or moment(entry["at"])
            key = f"{incident['id']} {entry['at']} {entry['text']}"
            if key not in self.told and entry["type"] not in QUIET:
                self.told.add(key)
                yield Line(entry["source"], entry["text"])
        for run in incident["runs"]:
            self.outcomes[run["id"]] = run["outcome"] or ""
            if run["outcome"] == "recovered":
                self.verified = self.verified or moment(run["finished_at"])
        if incident["state"] != "closed":
            self.open.add(incident["id"])
            return
        self.open.discard(incident["id"])
        if self.released and moment(incident["closed_at"]) > self.released:
            self.closed = self.closed or moment(incident["closed_at"])

    def disturbed(self, since: datetime) -> bool:
        """Whether an incident was opened since then: in healthy traffic none may be."""
        return any(at > since for at in self.opened.values())

    def note_signals(self, signals: list[Mapping[str, Any]]) -> Iterator[Line]:
        """Take the signals of the service; yields drift's first alarm."""
        for signal in signals:
            if signal["name"] != "drift" or not self.released or moment(signal["at"]) <= self.released:
                continue
            if signal["verdict"] == "alarm" and not self.drifted:
                self.drifted = moment(signal["at"])
                yield Line("drift", signal["reason"])
            if self.rolled_back is None:
                self.drift_said = signal["reason"]

    def note_registry(self, registry: Mapping[str, Any]) -> None:
        """Take the registry's content: was the release taken back?"""
        last = registry["history"][-1]
        if self.released and last["to"] == "1" and moment(last["at"]) >= self.released:
            self.rolled_back = moment(last["at"])

    def note_serving(self) -> None:
        """Look at the newest reading of the server: does it serve the old version again?"""
        now = self.traffic.last
        if self.rolled_back and now and now.version == "1" and now.at >= self.rolled_back:
            self.restored = self.restored or now.at


def moment(written: str) -> datetime:
    """A time as the API and the registry write it."""
    return datetime.fromisoformat(written)


def summary(story: Story, tier: Tier, objective: float, window: timedelta, rest: Mapping[str, str]) -> Group:
    """How long each part took beside what theory allows, or why it is missing; `rest`: further rows."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for heading in ("", "from the bad release to", "took", ""):
        table.add_column(heading, style="dim" if not heading else "")
    for part, when in story.parts.items():
        if when and story.released:
            took = f"{(when - story.released).total_seconds():.1f} s"
            beside = _theory(story, tier, objective) if part == "page" else NOTES.get(part, "")
            table.add_row(Text("✓", "green"), Text(part, "bold"), took, Text(beside))
    for part, reason in story.missing(tier, objective).items():
        table.add_row(Text("✗", "red"), Text(part, "bold"), Text("never", "red"), Text(reason))
    if story.budget_before is not None and story.budget_after is not None:
        spent = f"{story.budget_before - story.budget_after:.1%}"
        table.add_row("", "budget spent", spent, f"of the budget of availability over {format_duration(window)}")
    for name, text in rest.items():
        table.add_row("", name, "", Text(text))
    scale = "Windows are short: one second here is one minute of a 30 d period."
    return Group("", Rule("What happened", style="dim"), "", table, "", Text(scale, "dim"))


NOTES = {
    "drift alarm": "judged when a window of 10 s ends",
    "recovery verified": "by three good windows of the same SLI",
}


def _theory(story: Story, tier: Tier, objective: float) -> str:
    least = story.traffic.least_time(story.released, tier, objective) if story.released else None
    if least is None:
        return ""
    return (
        f"at best {least.after.total_seconds():.1f} s: then {least.bad:,.0f} of the {least.total:,.0f} requests of "
        f"{format_duration(tier.long)} had failed, over {tier.factor:g} x {1 - objective:.0%}; "
        "the rest is reading and evaluating"
    )
