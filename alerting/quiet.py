"""Which alerts nobody hears of now: those that are silenced, and those that another one explains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from burnline.alerting.inhibition import HeldBack, Inhibition, rules
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
    inhibition: Inhibition
    elsewhere: Sequence[Labels]

    def among(self, firing: Sequence[Labels]) -> Callable[[Labels], bool]:
        """Whether an alert is kept from everybody, while those fire."""
        held_back = HeldBack(self.inhibition, (*firing, *self.elsewhere))
        return lambda labels: self.silenced(labels) or held_back(labels)

    def silenced(self, labels: Labels) -> bool:
        """Whether a person has silenced it."""
        return any(silence.matches(labels) for silence in self.silences)


class Quiet:
    """Reads what is in force."""

    def __init__(self, specs: Sequence[ServiceSpec]) -> None:
        self._inhibition = Inhibition(rules(sorted(specs, key=lambda spec: spec.service)))

    def at(self, tx: Connection, now: datetime) -> QuietNow:
        """What is in force at this moment; alerts that somebody else sends hold others back as well."""
        elsewhere = [episode.labels for episode in open_episodes(tx, ALERTMANAGER)]
        return QuietNow([read_silence(row) for row in silences_at(tx, now)], self._inhibition, elsewhere)
