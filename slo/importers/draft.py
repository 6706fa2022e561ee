"""What an importer makes: drafts of SLOs, and the list of what was refused and what was not carried over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn

from burnline.errors import Problem
from burnline.slo.importers.document import Item
from burnline.slo.importers.queries import Found
from burnline.slo.windows import Tier, all_tiers, why_left_out
from burnline.slo.windows import tiers as workbook_tiers
from burnline.spec.units import format_duration, parse_duration
from burnline.spec.words import choice, did_you_mean, shown

LONGEST_NAME = 63
OWNERS = ("owner", "team")
NO_LABELS = "burnline's alerts have their own labels; route by service, slo, severity and owner"
ONE_IS_ENOUGH = "min_bad_events: 0 alerts on a single bad event, as before; without it burnline asks for two."
_NO_PLACE_IN_A_NAME = re.compile(r"[^a-z0-9_-]+")


class Refused(Exception):
    """This part of the file cannot be used; its problem is noted already."""


@dataclass
class Notes:
    """What a person must know after an import.

    Attributes:
        problems: what makes the import impossible.
        left: what was not carried over, and why.
    """

    problems: list[Problem] = field(default_factory=list)
    left: list[Problem] = field(default_factory=list)

    def refuse(self, item: Item, message: str) -> NoReturn:
        """Raises: Refused, always."""
        self.problems.append(item.problem(message))
        raise Refused

    def leave(self, item: Item, why: str) -> None:
        """A field is not carried over."""
        self.left.append(item.problem(f"not carried over: {why}"))


@dataclass
class SloDraft:
    """One SLO in a service file's own terms.

    Attributes:
        source: where it was written, for whoever finds fault with it later.
        body: the fields of `SloSpec` as plain data, `name` apart.
        comments: lines to stand above it.
    """

    source: Item
    name: str
    body: dict[str, Any]
    comments: list[str] = field(default_factory=list)


@dataclass
class ServiceDraft:
    """One service file to be."""

    source: Item
    service: str
    slos: list[SloDraft]
    owner: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What the foreign files leave open.

    Attributes:
        window: of SLOs whose file says none.
        service: of SLOs whose file says none; empty: the name of the file.
    """

    window: timedelta = timedelta(days=30)
    service: str = ""


class Fields:
    """A mapping read field by field; keys other than `accepted` are problems."""

    def __init__(self, item: Item, notes: Notes, accepted: Sequence[str]) -> None:
        self.item, self.notes = item, notes
        if not isinstance(item.value, dict):
            notes.refuse(item, f"is {_kind(item.value)}; write a mapping with {choice(accepted)}")
        self._found: dict[str, Item] = item.value
        for key, value in self._found.items():
            if key not in accepted:
                hint = did_you_mean(key, accepted)
                self.notes.problems.append(
                    value.problem(f"is no field here;{hint + ';' if hint else ''} accepted: {choice(accepted)}")
                )

    def get(self, name: str) -> Item | None:
        """The field, or None when it is not written or empty."""
        item = self._found.get(name)
        return item if item is not None and item.value is not None else None

    def need(self, name: str) -> Item:
        """Raises: Refused when it is not there."""
        if (item := self.get(name)) is None:
            where = self._found.get(name, self.item)
            place = () if name in self._found else (name,)
            self.notes.problems.append(where.problem("is missing or empty", place))
            raise Refused
        return item

    def text(self, name: str) -> str:
        """A text; empty when it is not there.

        Raises: Refused for anything else.
        """
        item = self.get(name)
        return "" if item is None else text_of(item, self.notes)

    def needed_text(self, name: str) -> str:
        """Raises: Refused when it is not there, or empty."""
        item = self.need(name)
        return text_of(item, self.notes) or self.notes.refuse(item, "is empty; write text")

    def flag(self, name: str, default: bool = False) -> bool:
        """Raises: Refused for anything but true and false."""
        item = self.get(name)
        if item is None:
            return default
        if not isinstance(item.value, bool):
            self.notes.refuse(item, f"is {shown(_plain(item))}; write true or false")
        return item.value

    def length(self, name: str) -> timedelta | None:
        """A duration in any order of units; None when it is not there."""
        item = self.get(name)
        return None if item is None else length_of(item, self.notes)

    def list(self, name: str) -> list[Item]:
        """The items; none when it is not there."""
        item = self.get(name)
        if item is None:
            return []
        if not isinstance(item.value, list):
            self.notes.refuse(item, f"is {_kind(item.value)}; write a list")
        return list(item.value)

    def inner(self, name: str, accepted: Sequence[str]) -> Fields | None:
        """The mapping under a field; None when it is not there."""
        item = self.get(name)
        return None if item is None else Fields(item, self.notes, accepted)

    def leave(self, why: str, *names: str) -> None:
        """These fields, where written, are not carried over; of a mapping every entry is named."""
        for name in names:
            if item := self.get(name):
                entries = list(item.value.values()) if isinstance(item.value, dict) else [item]
                for entry in entries:
                    self.notes.leave(entry, why)


def owner_of(labels: Item | None, notes: Notes) -> str:
    """The owner by the labels `owner` or `team`; all other labels are listed.

    Raises: Refused when they are no mapping.
    """
    if labels is None:
        return ""
    found = entries_of(labels, notes)
    named = next((found[name] for name in OWNERS if name in found and isinstance(found[name].value, str)), None)
    for label in found.values():
        if label is not named:
            notes.leave(label, NO_LABELS)
    return name_of(named.value, named, notes) if named else ""


def entries_of(item: Item, notes: Notes) -> dict[str, Item]:
    """A mapping whose keys are the user's own.

    Raises: Refused for anything else.
    """
    if not isinstance(item.value, dict):
        notes.refuse(item, f"is {_kind(item.value)}; write a mapping")
    return dict(item.value)


def text_of(item: Item, notes: Notes) -> str:
    """A text, or a number as it reads.

    Raises: Refused for lists, mappings, flags and nothing.
    """
    if isinstance(item.value, str):
        return item.value
    if isinstance(item.value, int | float) and not isinstance(item.value, bool):
        return f"{item.value}"
    return notes.refuse(item, f"is {shown(_plain(item))}; write text")


def number_of(item: Item, notes: Notes) -> float:
    """A number, also in quotes.

    Raises: Refused for anything else.
    """
    value = item.value
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]+(\.[0-9]+)?\s*", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        notes.refuse(item, f"is {shown(_plain(item))}; write a number")
    return float(value)


def objective_of(item: Item, notes: Notes, *, percent: bool) -> float:
    """An objective as a share of 1, without the noise of a division.

    Raises: Refused when it promises nothing or leaves no error budget.
    """
    found = number_of(item, notes)
    top = 100 if percent else 1
    if not 0 < found < top:
        notes.refuse(item, f"is {found:g}; write more than 0 and less than {top}: {top} leaves no error budget")
    return round(found / top, 12)


def length_of(item: Item, notes: Notes) -> timedelta:
    """A duration as Prometheus writes it, but not zero.

    Raises: Refused for anything else.
    """
    try:
        found = parse_duration(item.value)
    except ValueError as error:
        notes.refuse(item, str(error))
    if not found:
        notes.refuse(item, f"is {shown(item.value)}; write more than 0s")
    return found


def name_of(written: str, item: Item, notes: Notes) -> str:
    """The nearest burnline name: lower case, and `-` for what no name holds.

    Raises: Refused when nothing of it is left, or it is too long.
    """
    name = _NO_PLACE_IN_A_NAME.sub("-", written.lower()).strip("-_")
    if not name:
        notes.refuse(item, f"{shown(written)} holds no letter or digit to name it by")
    if len(name) > LONGEST_NAME:
        notes.refuse(item, f"{shown(written)} is longer than {LONGEST_NAME} characters")
    return name


def sli_of(item: Item, notes: Notes, convert: Callable[[], Found]) -> dict[str, Any]:
    """The SLI of queries; one that burnline adds up where the other tool does not is listed.

    Raises: Refused for what is no PromQL.
    """
    try:
        found = convert()
    except ValueError as error:
        notes.refuse(item, str(error))
    if found.averaged:
        notes.leave(item, "over long windows: burnline adds up what the query says minute by minute")
    return found.sli


def percent(objective: float) -> str:
    """The objective as service files write it: 0.9995 gives `99.95%`."""
    return f"{round(objective * 100, 10):.10f}".rstrip("0").rstrip(".") + "%"


def together(drafts: Sequence[ServiceDraft], notes: Notes) -> list[ServiceDraft]:
    """One draft per service; SLOs that come to the same name are refused."""
    services: dict[str, ServiceDraft] = {}
    for draft in drafts:
        into = services.setdefault(draft.service, ServiceDraft(draft.source, draft.service, []))
        into.slos += draft.slos
        into.owner = into.owner or draft.owner
        into.description = into.description or draft.description
    for service in services.values():
        if one_is_enough := [slo for slo in service.slos if slo.body.get("min_bad_events") == 0]:
            one_is_enough[0].comments.insert(0, ONE_IS_ENOUGH)
        first: dict[str, SloDraft] = {}
        for slo in service.slos:
            if other := first.get(slo.name):
                where = f"{other.source.file}:{other.source.line}"
                notes.problems.append(
                    slo.source.problem(f"would be the SLO {slo.name!r} of {service.service!r}, as is {where}")
                )
            first.setdefault(slo.name, slo)
    return list(services.values())


def usable(tiers: Sequence[Tier], objective: float, item: Item, notes: Notes) -> Iterator[Tier]:
    """The tiers that burnline accepts; the others are listed."""
    for tier in tiers:
        if why := why_left_out(tier, objective):
            notes.leave(item, f"its {tier.name} alert: {why}")
        elif not timedelta(0) < tier.short < tier.long:
            short, long = format_duration(tier.short), format_duration(tier.long)
            notes.leave(item, f"its {tier.name} alert: windows of {long} and {short} cannot both be counted")
        else:
            yield tier


def quietest(window: timedelta, objective: float) -> list[str]:
    """The slowest of the workbook's tiers that can alert on this SLO: every SLO of burnline alerts."""
    return [tier.name for tier in workbook_tiers(window, objective)][-1:]


def tier_items(tiers: Sequence[Tier], window: timedelta) -> list[Any] | None:
    """How a service file writes these tiers; None when they are the workbook's, which need no writing."""
    workbook = {tier.name: tier for tier in all_tiers(window)}
    items: list[Any] = [_tier_item(tier, workbook) for tier in tiers]
    default = [tier.name for tier in workbook.values() if tier.factor >= 1]
    return None if items == default else items


def _tier_item(tier: Tier, workbook: dict[str, Tier]) -> Any:
    if workbook.get(tier.name) == tier:
        return tier.name
    written: dict[str, Any] = {
        "name": tier.name,
        "severity": tier.severity,
        "long": format_duration(tier.long),
        "short": format_duration(tier.short),
        "factor": _short(tier.factor),
    }
    return {**written, "for": format_duration(tier.hold)} if tier.hold else written


def _short(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _plain(item: Item) -> Any:
    return item.value if not isinstance(item.value, dict | list) else type(item.value)()


def _kind(value: Any) -> str:
    return "empty" if value is None else shown({} if isinstance(value, dict) else value)
