"""One YAML file, read with YAML 1.2 scalars, line numbers and limits: hostile input gives a SpecError, nothing else.

A narrow YAML: text, whole and decimal numbers, true and false, lists, mappings with text keys. Aliases, tags, empty
values, keys written twice and control characters are problems; `on`, `yes` and `2026-01-05` are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import isinf
from pathlib import Path
from typing import Any, NoReturn

import yaml

from burnline.errors import Problem, SpecError
from burnline.spec.place import Flaw, Place, dotted
from burnline.spec.words import shown

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][+-]?[0-9]{1,3})?")
_WORDS = {
    word: value for name, value in (("true", True), ("false", False)) for word in (name, name.title(), name.upper())
}
_EMPTY = ("", "~", "null", "Null", "NULL")
# libyaml lets tabs and `|#` pass that PyYAML refuses; the others do not end a line for both, or are no text for one
_DISPUTED = re.compile(r"[\t\x85\u2028\u2029\ufeff]|[|>][-+0-9]*#")
# what YAML can spell in a quoted text but no field means: control characters but \t and \n, and half characters
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_HINTS = {
    "mapping values are not allowed here": "; put text with ': ' in quotes, and check the indent",
    "found character '\\t' that cannot start any token": "; indent with spaces",
    "found character '@' that cannot start any token": "; put text that starts with @ in quotes",
}


@dataclass
class Document:
    """A file as plain data, with the line of every key and list item.

    Attributes:
        flaws: what is wrong with the file as YAML although it could be read.
    """

    file: str
    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    flaws: list[tuple[int, Flaw]] = field(default_factory=list)

    def line(self, place: Place) -> int:
        """The line of the place, or of the nearest place around it that is written."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)

    def nearest(self, field: str) -> Place:
        """The place of a dotted field, or the nearest one around it that is written."""
        around = (place for place in self.lines if field.startswith(dotted(place)))
        return max(around, key=lambda place: len(dotted(place)), default=())

    def error(self, flaws: Sequence[Flaw]) -> SpecError:
        """These flaws and the document's own, in line order; what lies under a flaw of the document is left out."""
        own = [flaw.place for _, flaw in self.flaws]
        rest = [(self.line(flaw.place), flaw) for flaw in flaws if not any(_inside(flaw.place, place) for place in own)]
        found = sorted([*self.flaws, *rest], key=lambda found: found[0])
        return SpecError([Problem(self.file, line, dotted(flaw.place), flaw.message) for line, flaw in found])


def _inside(place: Place, outer: Place) -> bool:
    return place[: len(outer)] == outer


def read_document(path: Path) -> Document:
    """Read a file with one mapping at its top.

    Raises: SpecError when it cannot be read as such; lesser flaws are kept in the document.
    """
    text = _read_text(path, str(path))
    return _flawless(text, str(path)) or _told(text, str(path))


def _flawless(text: str, file: str) -> Document | None:
    """The document as libyaml reads it, ten times as fast; None where there is anything to say about it."""
    loader = getattr(yaml, "CSafeLoader", None)  # PyYAML may have been built without
    if loader is None or _DISPUTED.search(text):
        return None
    document = Document(file)
    try:
        _Reader(document, _undisputed(yaml.parse(text, Loader=loader))).read()
    except (yaml.YAMLError, SpecError, ValueError, OverflowError):
        return None
    return None if document.flaws else document


def _undisputed(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """The events; raises ValueError where PyYAML would refuse one: it takes no `?` in plain text between braces."""
    for event in events:
        if isinstance(event, yaml.ScalarEvent) and not event.style and "?" in event.value:
            raise ValueError(event.value)
        yield event


def _told(text: str, file: str) -> Document:
    """The document as PyYAML reads it, whose messages are for people. Raises: SpecError."""
    document = Document(file)
    try:
        _Reader(document, _events(text, file)).read()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _refuse(file, line, f"holds the character U+{ord(text[error.position]):04X}, which YAML does not allow")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be read"
        _refuse(file, mark.line + 1 if mark else 1, f"is not YAML: {problem}{_HINTS.get(problem, '')}")
    return document


def _refuse(file: str, line: int, message: str, place: Place = ()) -> NoReturn:
    raise SpecError([Problem(file, line, dotted(place), message)]) from None


def _read_text(path: Path, file: str) -> str:
    try:
        if path.exists() and not path.is_file():
            _refuse(file, 0, "is not a file")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        _refuse(file, 0, f"cannot be read: {error.strerror if isinstance(error, OSError) else error}")
    if len(content) > MAX_BYTES:
        _refuse(file, 0, f"is larger than {MAX_BYTES // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(file, line, f"is not UTF-8: byte 0x{content[error.start]:02x}")


def _events(text: str, file: str) -> Iterator[yaml.Event]:
    line = 1
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = _line(event)
            yield event
    except (ValueError, OverflowError):  # PyYAML leaks these
        _refuse(file, line, "is not YAML: an escape or a version is out of range")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Reader:
    def __init__(self, document: Document, events: Iterator[yaml.Event]) -> None:
        self._document = document
        self._events = events

    def read(self) -> None:
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            if self._document.data is not None:
                self._stop(event, (), "starts a second document; write one per file")
            top = next(self._events)
            if not isinstance(top, yaml.MappingStartEvent):
                self._stop(
                    top, (), "holds no mapping at its top; write `key: value` lines, as in `service: card-fraud`"
                )
            self._document.data = self._value(top, ())
        if self._document.data is None:
            _refuse(self._document.file, 1, "is empty")

    def _stop(self, event: yaml.Event, place: Place, message: str) -> NoReturn:
        _refuse(self._document.file, _line(event), message, place)

    def _flaw(self, event: yaml.Event, place: Place, message: str) -> None:
        self._document.flaws.append((_line(event), Flaw(place, message)))

    def _value(self, event: yaml.Event, place: Place) -> Any:
        self._document.lines.setdefault(place, _line(event))
        if len(place) > MAX_DEPTH:
            self._stop(event, (), f"is nested more than {MAX_DEPTH} deep")
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            self._flaw(event, place, "is an alias; write the value out")
            return None
        if event.tag is not None:
            self._flaw(event, place, f"has the tag {shown(event.tag)}; tags are not accepted")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        return self._list(place) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(place)

    def _list(self, place: Place) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*place, len(items))))
        return items

    def _mapping(self, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, place)
            here = (*place, key)
            if key in found:
                self._flaw(event, here, f"is written twice, first on line {self._document.lines[here]}; keep one")
                self._value(next(self._events), here)
                continue
            self._document.lines[here] = _line(event)
            found[key] = self._value(next(self._events), here)
        return found

    def _key(self, event: yaml.Event, place: Place) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None or _UNPRINTABLE.search(event.value):
            self._stop(event, place, "has a key that is no plain text")
        return str(event.value)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> str | int | float | bool | None:
        written: str = event.value
        if message := _scalar_flaw(written, plain=not event.style):
            self._flaw(event, place, message)
            return None
        if event.style:  # of plain text None, and "" from libyaml
            return written
        if _INTEGER.fullmatch(written):
            return int(written)
        return float(written) if _DECIMAL.fullmatch(written) else _WORDS.get(written, written)


def _scalar_flaw(written: str, *, plain: bool) -> str:
    if _UNPRINTABLE.search(written):
        return f"{shown(written)} holds a control character"
    if plain and written in _EMPTY:
        return "is empty; write a value, or leave the key out"
    too_large = (
        len(written) > 18 if _INTEGER.fullmatch(written) else _DECIMAL.fullmatch(written) and isinf(float(written))
    )
    if plain and too_large:
        return f"{shown(written)} is too large a number"
    return ""
