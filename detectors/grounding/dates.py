"""Days that are written in numbers: `2018-07-27`, `27.7.2018`, `7/27/2018`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from burnline.detectors.grounding.words import MONTH_NAMES, MONTHS, stem

DATE = re.compile(
    r"(?<![\d.,/-])(?:(?P<year>\d{4})([-/.])(?P<one>\d{1,2})\2(?P<other>\d{1,2})"
    r"|(?P<first>\d{1,2})([-/.])(?P<second>\d{1,2})\6(?P<last>\d{4}))(?!\d)",
    re.ASCII,
)
MONTHS_OF = {stem(name): number for number, name in enumerate(MONTHS, 1)}
MONTHS_OF |= {stem(name): number for name, number in MONTH_NAMES.items()}
NAMES_OF = {month: [name for name, its in MONTHS_OF.items() if its == month] for month in range(1, len(MONTHS) + 1)}


class Day(NamedTuple):
    """A day as written, where it stands; `12/11` is of December or of November, so there may be two months."""

    start: int
    end: int
    year: int
    days: tuple[tuple[int, int], ...]  # month and day


def numeric_dates(text: str, start: int = 0, end: int | None = None) -> Iterator[Day]:
    """The days in a text, in order.

    >>> [(each.year, each.days) for each in numeric_dates("from 2018-07-27 to 11.12.2018")]
    [(2018, ((7, 27),)), (2018, ((12, 11), (11, 12)))]
    """
    for found in DATE.finditer(text, start, len(text) if end is None else end):
        if found["year"]:
            read = [(int(found["one"]), int(found["other"]))]
        else:
            one, other = int(found["first"]), int(found["second"])
            read = [(other, one), (one, other)] if one != other else [(one, other)]
        if days := tuple((month, day) for month, day in read if 1 <= month <= 12 and 1 <= day <= 31):
            yield Day(found.start(), found.end(), int(found["year"] or found["last"]), days)


def date_stems(day: Day) -> Iterator[str]:
    """The stems under which the same day is found when its month is written out, and one for the day in numbers."""
    yield str(day.year)
    for month, number in day.days:
        yield str(number)
        yield f"{day.year}-{month}-{number}"
        yield from NAMES_OF[month]


def is_held(day: Day, seen: set[str]) -> bool:
    """Whether a day stands among these stems, in numbers or with its month written out."""
    return any(
        f"{day.year}-{month}-{number}" in seen
        or ({str(day.year), str(number)} <= seen and any(name in seen for name in NAMES_OF[month]))
        for month, number in day.days
    )
