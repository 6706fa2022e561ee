"""YAML of rule files, written directly: a YAML library takes longer than the compiler does.

Only what rules are made of: mappings with plain keys, lists and text. Expressions stand as blocks, as they are printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_]([A-Za-z0-9_:./-]*[A-Za-z0-9_])?")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}  # not text to every reader
_INDENT = "  "


def dump(body: Any) -> str:
    """The body as YAML; the same body gives the same bytes.

    >>> print(dump({"groups": [{"name": "a", "rules": [{"record": "b", "expr": "1\\n+ 1"}]}]}), end="")
    groups:
    - name: a
      rules:
      - record: b
        expr: |-
          1
          + 1
    """
    return "\n".join(_lines(body, "")) + "\n"


def _lines(body: Any, indent: str) -> Iterator[str]:
    if isinstance(body, dict):
        for key, value in body.items():
            yield from _entry(f"{indent}{_text(key)}:", value, indent)
    else:
        for item in body:
            first, *rest = _lines(item, indent + _INDENT) if isinstance(item, dict | list) else [indent + _text(item)]
            yield f"{indent}- {first.lstrip()}"
            yield from rest


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield head
        yield from _lines(value, indent + _INDENT)
    elif isinstance(value, list) and value:
        yield head
        yield from _lines(value, indent)
    elif isinstance(value, dict | list):
        yield f"{head} {'{}' if isinstance(value, dict) else '[]'}"
    elif _block(value):
        yield f"{head} |-"
        yield from ((indent + _INDENT + line) if line else "" for line in value.split("\n"))
    else:
        yield f"{head} {_text(value)}"


def _block(text: str) -> bool:
    lines = text.split("\n")
    return len(lines) > 1 and not text.startswith((" ", "\n")) and bool(lines[-1]) and all(map(str.isprintable, lines))


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escape(char) for char in quoted)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
