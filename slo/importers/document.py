"""Other tools' YAML with the line of every value: several documents, aliases and nulls, within limits.

Hostile input gives a SpecError and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

import yaml

from burnline.errors import Problem, SpecError
from burnline.spec.place import Place, dotted
from burnline.spec.words import shown

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 30
MAX_VALUES = 50_000  # aliases written out: a small file can stand for billions of values
_NULLS = ("", "~", "null", "Null", "NULL")
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][+-]?[0-9]{1,3})?")
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}
_TAGS |= {"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value", "!"}
_MERGE = "tag:yaml.org,2002:merge"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Item:
    """A value of a file: text, number, flag, None, or a list or mapping of items; and where it stands."""

    file: str
    line: int
    place: Place
    value: Any

    def problem(self, message: str, place: Place = ()) -> Problem:
        """This, said of the value, or of a field under it."""
        return Problem(self.file, self.line, dotted((*self.place, *place)), message)


def read_documents(path: Path) -> tuple[Item, ...]:
    """The documents of a file that are mappings, in order; empty ones are skipped.

    Raises: SpecError when it cannot be read as YAML, is too large or too deep, or holds another kind of document.
    """
    file = str(path)
    text = _read(path, file)
    try:
        _check_depth(text, file)
        found = _Items(file).all(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.reader.ReaderError as error:
        _refuse(file, text.count("\n", 0, error.position) + 1, "holds a character that YAML does not allow")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(file, mark.line + 1 if mark else 1, f"is not YAML: {error.problem or error.context or '?'}")
    except (ValueError, OverflowError):  # PyYAML leaks these
        _refuse(file, 1, "is not YAML: an escape or a version is out of range")
    if not found:
        _refuse(file, 1, "is empty")
    return found


def _refuse(file: str, line: int, message: str, place: Place = ()) -> NoReturn:
    raise SpecError([Problem(file, line, dotted(place), message)]) from None


def _read(path: Path, file: str) -> str:
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


def _check_depth(text: str, file: str) -> None:
    """Before anything recurses into it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            _refuse(file, _line(event), f"is nested more than {MAX_DEPTH} deep")


def _line(mark: yaml.Event | yaml.Node) -> int:
    return mark.start_mark.line + 1 if mark.start_mark else 1


class _Items:
    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0

    def all(self, documents: Iterator[yaml.Node | None]) -> tuple[Item, ...]:
        found = []
        for node in documents:
            if node is None or (isinstance(node, yaml.ScalarNode) and node.value in _NULLS):
                continue
            if not isinstance(node, yaml.MappingNode):
                _refuse(self._file, _line(node), "holds a document that is no mapping; write `key: value` lines")
            found.append(self._item(node, _line(node), ()))
        return tuple(found)

    def _item(self, node: yaml.Node, line: int, place: Place) -> Item:
        self._count += 1
        if self._count > MAX_VALUES:
            _refuse(self._file, line, f"holds more than {MAX_VALUES} values, aliases written out", place)
        if len(place) > MAX_DEPTH:
            _refuse(self._file, line, f"is nested more than {MAX_DEPTH} deep")
        if node.tag not in _TAGS:
            _refuse(self._file, line, f"has the tag {shown(node.tag)}; only plain values are accepted", place)
        return Item(self._file, line, place, self._value(node, place))

    def _value(self, node: yaml.Node, place: Place) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, _line(item), (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Item]:
        own: dict[str, Item] = {}
        merged: dict[str, Item] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                merged = {**self._merge(value, place), **merged}
                continue
            if not isinstance(key, yaml.ScalarNode) or _UNPRINTABLE.search(key.value):
                _refuse(self._file, _line(key), "has a key that is no plain text", place)
            if key.value in own:
                _refuse(
                    self._file,
                    _line(key),
                    f"is written twice; first: line {own[key.value].line}",
                    (*place, key.value),
                )
            own[key.value] = self._item(value, _line(key), (*place, key.value))
        return {**merged, **own}

    def _merge(self, node: yaml.Node, place: Place) -> dict[str, Item]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Item] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                _refuse(self._file, _line(node), "merges what is no mapping", (*place, "<<"))
            found = {**self._item(source, _line(source), (*place, "<<")).value, **found}
        return found

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        written = str(node.value)
        if _UNPRINTABLE.search(written):
            _refuse(self._file, _line(node), f"{shown(written)} holds a control character", place)
        if getattr(node, "style", None) or node.tag == "tag:yaml.org,2002:str":
            return written
        if written in _NULLS:
            return None
        if _INTEGER.fullmatch(written):
            return int(written)
        if _DECIMAL.fullmatch(written) and isfinite(float(written)):
            return float(written)
        return _FLAGS.get(written, written)
