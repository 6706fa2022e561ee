"""Lines of answers with their sources, one at a time: what `burnline score grounding` and `calibrate` read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from burnline.spec.words import shown

LONGEST_LINE = 64 * 1024 * 1024  # bytes
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Line:
    """One answer. `ungrounded`: what somebody who read it says; None where nobody did. No `sources` where none came."""

    number: int
    sources: Sequence[str]
    question: str
    answer: str
    ungrounded: bool | None


@dataclass(frozen=True, slots=True)
class BadLine:
    """What stands there instead, as `field: what is wrong; what is accepted`."""

    number: int
    message: str


def read_lines(file: Path) -> Iterator[Line | BadLine]:
    """Every line that is not empty, in order; a bad one costs nobody but itself.

    Raises: OSError where the file cannot be read.
    """
    with _opened(file) as stream:
        number = 0
        while raw := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(raw) > LONGEST_LINE:
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(LONGEST_LINE)
                yield BadLine(number, f"longer than {LONGEST_LINE} bytes")
            elif raw.strip(b" \t\r\n\xef\xbb\xbf"):
                yield _line(number, raw)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == STDIN:
        yield sys.stdin.buffer
    else:
        with file.open("rb") as stream:
            yield stream


def _line(number: int, raw: bytes) -> Line | BadLine:
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return BadLine(number, f"byte {error.start} is not UTF-8")
    except (ValueError, RecursionError) as error:
        return BadLine(number, f"not JSON: {getattr(error, 'msg', 'nested too deep, or too long a number')}")
    if not isinstance(found, dict):
        return BadLine(number, f"is {shown(found)}; accepted: an object with sources, question and answer")
    if problem := next(_problems(found), None):
        return BadLine(number, problem)
    sources = found.get("sources", [])
    label = found.get("ungrounded")
    return Line(
        number,
        [sources] if isinstance(sources, str) else sources,
        found.get("question") or "",
        found["answer"],
        None if label is None else bool(label),
    )


def _problems(found: dict[str, Any]) -> Iterator[str]:
    sources, question, label = found.get("sources", []), found.get("question"), found.get("ungrounded")
    if not isinstance(sources, str | list):
        yield f"sources: is {shown(sources)}; accepted: a list of texts"
    elif isinstance(sources, list):
        for place, each in enumerate(sources):
            if not isinstance(each, str):
                yield f"sources[{place}]: is {shown(each)}; accepted: a text"
    if question is not None and not isinstance(question, str):
        yield f"question: is {shown(question)}; accepted: a text"
    if "answer" not in found:
        yield "answer: missing; accepted: a text"
    elif not isinstance(found["answer"], str):
        yield f"answer: is {shown(found['answer'])}; accepted: a text"
    if label is not None and not (isinstance(label, bool | int) and label in (0, 1)):
        yield f"ungrounded: is {shown(label)}; accepted: 0 or 1"
