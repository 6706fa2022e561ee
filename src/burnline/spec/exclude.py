"""Exclusions: maintenance that was announced leaves the maths, once or again and again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from dateutil import rrule as recurrence
from pydantic import ConfigDict, Field, model_validator

from burnline.spec.strict import Strict
from burnline.spec.units import Duration, Moment, Name, Text, TimeZone
from burnline.spec.words import choice, shown

FIRST_WITHIN = timedelta(days=5 * 365)
LATE = 9952  # a leap year, with the calendar's whole cycle of 28 years after it
LONGEST_RULE = 500  # characters
FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")


class ExclusionSpec(Strict):
    """Time that counts for no SLO of the service, or for none of `slos`.

    Attributes:
        start: `from` in the file; the first occurrence of a rule. A moment without an offset is local time in `tz`.
        to: the end of what happens once.
        rrule: an iCal recurrence rule (RFC 5545) for what happens again; each occurrence lasts `length`.
        length: `for` in the file.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["to"]}, {"required": ["rrule", "for"]}, {"required": ["for"]}]}
    )

    start: Annotated[Moment, Field(alias="from")]
    to: Moment | None = None
    length: Annotated[Duration | None, Field(alias="for")] = None
    rrule: Text | None = None
    tz: TimeZone = "UTC"
    reason: Text
    slos: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.to is None) == (self.length is None):
            raise ValueError("needs exactly one of `to` and `for`")
        if self.rrule is not None and self.length is None:
            raise ValueError("has an `rrule`, so it needs `for`, how long each occurrence lasts, instead of `to`")
        if self.duration <= timedelta(0):
            raise ValueError(f"ends at {self.ends_at.isoformat()}, which is not after its start")
        if self.rrule is not None:
            start = self._local_start
            if (
                not _comes_true(self._rule(), start)
                or next(self.occurrences(start, start + FIRST_WITHIN), None) is None
            ):
                raise ValueError(f"{shown(self.rrule)} has no occurrence in the five years after its start")
        return self

    @property
    def starts_at(self) -> datetime:
        """The (first) start, aware, UTC."""
        return in_zone(self.start, self.tz)

    @property
    def duration(self) -> timedelta:
        """How long one occurrence lasts."""
        return self.length if self.length is not None else self.ends_at - self.starts_at

    @property
    def ends_at(self) -> datetime:
        """The end of the (first) occurrence, aware, UTC."""
        return self.starts_at + self.length if self.length is not None else in_zone(self.to or self.start, self.tz)

    def occurrences(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Starts in [after, until], in local time of `tz` without an offset: Sunday at three stays at three.

        Nothing later than `until` is looked at: a rule that never comes true would be searched for ever.
        Raises: ValueError for what is no rule, or one that recurs more often than hourly.
        """
        found = self._rule()
        # dateutil keeps these nowhere else, and types them nowhere
        ends: datetime | None = getattr(found, "_until")  # noqa: B009
        count: int | None = getattr(found, "_count")  # noqa: B009
        bounded = found.replace(count=None, until=until if ends is None else min(until, ends))
        return (start for start in islice(bounded, count) if start >= after)

    def _rule(self) -> recurrence.rrule:
        written = (self.rrule or "").removeprefix("RRULE:")
        if len(written) > LONGEST_RULE or "\n" in written:
            raise ValueError(f"{shown(written)} is longer than {LONGEST_RULE} characters, or has more than one line")
        frequency = dict(part.partition("=")[::2] for part in written.upper().split(";")).get("FREQ")
        if frequency not in FREQUENCIES:
            raise ValueError(f"{shown(written)} needs FREQ= {choice(FREQUENCIES)}, as in FREQ=WEEKLY;BYDAY=SU")
        try:
            found = recurrence.rrulestr(written, dtstart=self._local_start)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
            if "UNTIL" in str(error):
                raise ValueError(f"{shown(written)}: UNTIL is local time here; write it without the Z") from error
            raise ValueError(f"{shown(written)} is no recurrence rule of RFC 5545: {error}") from error
        if not isinstance(found, recurrence.rrule):
            raise ValueError(f"{shown(written)} is a set of rules; write one exclusion for each")  # noqa: TRY004
        return found

    @property
    def _local_start(self) -> datetime:
        return self.starts_at.astimezone(ZoneInfo(self.tz)).replace(tzinfo=None)


def _comes_true(rule: recurrence.rrule, start: datetime) -> bool:
    """Whether the rule ever has an occurrence; dateutil looks for one up to the year 9999, so it begins near there."""
    late = rule.replace(dtstart=start.replace(year=LATE), interval=1, until=None, count=None)
    return next(iter(late), None) is not None


def in_zone(moment: datetime, tz: str) -> datetime:
    """The moment in UTC; without an offset it is local time of `tz`."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(tz))).astimezone(UTC)
