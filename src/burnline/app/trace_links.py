"""From an incident to its traces and logs: links built from the settings, whatever a record holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from burnline.alerting.traces import BEFORE, LINKED
from burnline.settings import Settings
from burnline.store.incidents import Incident


class Recorded(Protocol):
    """One line of a record."""

    @property
    def type(self) -> str: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class TraceLink:
    """One trace of an incident; `url` is empty where the settings name no place to look at it."""

    trace_id: str
    kind: str
    name: str
    seconds: float
    at: str
    url: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where traces and logs can be looked at: URLs with placeholders; empty for none."""

    trace_url: str = ""
    logs_url: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Links:
        """As the settings say."""
        return cls(settings.trace_url, settings.logs_url)

    def traces(self, record: Iterable[Recorded]) -> tuple[TraceLink, ...]:
        """Every trace that a record names, each once."""
        found = {each.trace_id: each for entry in record if entry.type == LINKED for each in self._of(entry.data)}
        return tuple(found.values())

    def trace(self, trace_id: str) -> str:
        """Where this trace is."""
        return fill(self.trace_url, {"trace_id": trace_id})

    def logs(self, incident: Incident, now: datetime) -> str:
        """Where the service's logs of the incident's time are, from an hour before it."""
        since, until = incident.opened_at - BEFORE, incident.closed_at or now
        moments = {"from": str(_milliseconds(since)), "until": str(_milliseconds(until))}
        return fill(self.logs_url, {"service": incident.about, **moments})

    def _of(self, data: Mapping[str, Any]) -> Iterator[TraceLink]:
        for each in data.get("traces", ()):
            trace_id = str(each.get("trace_id", ""))
            yield TraceLink(
                trace_id,
                str(each.get("kind", "")),
                str(each.get("name", "")),
                float(each.get("seconds", 0.0)),
                str(each.get("at", "")),
                self.trace(trace_id),
            )


def fill(url: str, values: Mapping[str, str]) -> str:
    """A URL with its placeholders filled; a value can add nothing but itself.

    >>> fill("https://tempo/trace/{trace_id}", {"trace_id": "a/../b?c"})
    'https://tempo/trace/a%2F..%2Fb%3Fc'
    """
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return url


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
