"""Silences: a person says that nobody is to be told of certain alerts for a while, and why.

As in Alertmanager, a silence keeps alerts from burnline's runbooks as well. The JSON is that of its API, version 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from burnline.alerting.matchers import Matcher, all_match, compiled
from burnline.errors import DecisionRefused, PayloadError
from burnline.store.silences import SilenceRow, find_silence, keep_silence, silences_ahead

LONGEST = timedelta(days=90)  # one that never ends is forgotten, and hides what happens years later
MAX_SILENCES = 500  # in force or to come: each is held against every alert
MAX_MATCHERS, MAX_NAME, MAX_VALUE, MAX_CREATOR, MAX_COMMENT = 20, 256, 1024, 100, 500


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence. It is `pending`, `active` or `expired`, by the time."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether it is about an alert with these labels."""
        return all_match(self.matchers, labels)

    def state(self, now: datetime) -> str:
        """`pending`, `active` or `expired`."""
        if now >= self.ends_at:
            return "expired"
        return "active" if now >= self.starts_at else "pending"

    def as_json(self, now: datetime) -> dict[str, Any]:
        """As Alertmanager's API shows it."""
        return {
            "id": self.id,
            "status": {"state": self.state(now)},
            "updatedAt": self.updated_at.isoformat(),
            "comment": self.comment,
            "createdBy": self.created_by,
            "endsAt": self.ends_at.isoformat(),
            "matchers": [_matcher_json(each) for each in self.matchers],
            "startsAt": self.starts_at.isoformat(),
        }


def read_silence(row: SilenceRow) -> Silence:
    """The silence of a row."""
    return Silence(
        row.id,
        tuple(Matcher(each["name"], each["value"], each["isRegex"], each["isEqual"]) for each in row.matchers),
        row.starts_at,
        row.ends_at,
        row.updated_at,
        row.created_by,
        row.comment,
    )


def set_silence(tx: Connection, wanted: Silence, now: datetime) -> str:
    """Keep a silence and return its id; one with the id of another replaces that.

    Changed in place are its end and its words; with other matchers, or another start once it is in force, the old one
    ends and a new one begins.

    Raises: PayloadError for one that cannot be; KeyError for an id that nobody has; DecisionRefused past MAX_SILENCES.
    """
    check_silence(wanted, now)
    wanted = replace(wanted, starts_at=max(wanted.starts_at, now), updated_at=now)
    if not wanted.id:
        return _begin(tx, wanted, now)
    row = find_silence(tx, wanted.id)
    if row is None:
        raise KeyError(wanted.id)
    old = read_silence(row)
    state = old.state(now)
    if state != "expired" and old.matchers == wanted.matchers:
        return _keep(tx, replace(wanted, starts_at=old.starts_at) if state == "active" else wanted)
    if state != "expired":
        _keep(tx, _ended(old, now))
    return _begin(tx, wanted, now)


def expire_silence(tx: Connection, silence_id: str, now: datetime) -> None:
    """End a silence now; one that has ended stays as it is.

    Raises: KeyError for an id that nobody has.
    """
    row = find_silence(tx, silence_id)
    if row is None:
        raise KeyError(silence_id)
    silence = read_silence(row)
    if silence.state(now) != "expired":
        _keep(tx, _ended(silence, now))


def check_silence(silence: Silence, now: datetime) -> None:
    """Raises: PayloadError naming what is wrong and what would be accepted."""
    _check_matchers(silence.matchers)
    for text, name, most in ((silence.created_by, "createdBy", MAX_CREATOR), (silence.comment, "comment", MAX_COMMENT)):
        if not text.strip() or len(text) > most or "\0" in text:
            raise PayloadError(f"{name}: write 1 to {most} characters")
    if silence.ends_at <= max(now, silence.starts_at):
        raise PayloadError("endsAt: should be in the future, after startsAt")
    if silence.ends_at - max(now, silence.starts_at) > LONGEST:
        raise PayloadError(f"endsAt: a silence lasts at most {LONGEST.days} days")


def _check_matchers(matchers: Sequence[Matcher]) -> None:
    if not 1 <= len(matchers) <= MAX_MATCHERS:
        raise PayloadError(f"matchers: write 1 to {MAX_MATCHERS}")
    for each in matchers:
        if not 1 <= len(each.name) <= MAX_NAME or len(each.value) > MAX_VALUE or "\0" in each.name + each.value:
            raise PayloadError(f"matchers: a name has 1 to {MAX_NAME} characters, a value at most {MAX_VALUE}")
        if each.is_regex:
            compiled(each.value)
    if all_match(matchers, {}):
        raise PayloadError("matchers: these match alerts that have none of the labels; at least one must name a value")


def _begin(tx: Connection, silence: Silence, now: datetime) -> str:
    if silences_ahead(tx, now) >= MAX_SILENCES:
        raise DecisionRefused(f"{MAX_SILENCES} silences are in force or to come already: end one, or widen one")
    return _keep(tx, replace(silence, id=str(uuid4())))


def _ended(silence: Silence, now: datetime) -> Silence:
    return replace(silence, starts_at=min(silence.starts_at, now), ends_at=now, updated_at=now)


def _keep(tx: Connection, silence: Silence) -> str:
    matchers = [_matcher_json(each) for each in silence.matchers]
    keep_silence(
        tx,
        SilenceRow(
            silence.id,
            matchers,
            silence.starts_at,
            silence.ends_at,
            silence.updated_at,
            silence.created_by,
            silence.comment,
        ),
    )
    return silence.id


def _matcher_json(matcher: Matcher) -> dict[str, Any]:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.is_regex,
        "isEqual": matcher.is_equal,
    }
