"""Which alerts nobody hears of now: those that are silenced, and those that another one explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from burnline.alerting.inhibition import Rule, rules
from burnline.alerting.silences import Silence, read_silence
from burnline.alerting.webhook import ALERTMANAGER
from burnline.spec.service import ServiceSpec
from burnline.store.incidents import open_episodes
from burnline.store.silences import silences_at

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class QuietNow:
    """The silences in force, the rules, and what others fire."""

    silences: Sequence[Silence]
    rules: Sequence[Rule]
    elsewhere: Sequence[Labels]

    def held_back(self, labels: Labels, firing: Sequence[Labels]) -> bool:
        """Whether an alert is kept from everybody while those others fire too."""
        return self.silenced(labels) or any(
            rule.holds_back(labels, firing) or rule.holds_back(labels, self.elsewhere) for rule in self.rules
        )

    def silenced(self, labels: Labels) -> bool:
        """Whether a person has silenced it."""
        return any(silence.matches(labels) for silence in self.silences)


class Quiet:
    """Reads what is in force."""

    def __init__(self, specs: Sequence[ServiceSpec]) -> None:
        self._rules = rules(sorted(specs, key=lambda spec: spec.service))

    def at(self, tx: Connection, now: datetime) -> QuietNow:
        """What is in force at this moment; alerts that somebody else sends hold others back as well."""
        elsewhere = [episode.labels for episode in open_episodes(tx, ALERTMANAGER)]
        return QuietNow([read_silence(row) for row in silences_at(tx, now)], self._rules, elsewhere)
