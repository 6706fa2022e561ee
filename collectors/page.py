"""The Prometheus text format: only the metrics somebody asked for, the rest of a page is skipped unread."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice

from prometheus_client.parser import text_string_to_metric_families

from burnline.events import Sample
from burnline.spec.words import shown

MAX_LINE = 64 * 1024
SAMPLE_LIMIT = 50_000  # of those wanted, per page: a label that changes with each request must not fill memory
_NAME = re.compile(r"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)")
_QUOTED_NAME = re.compile(r'[ \t]*\{[ \t]*"((?:[^"\\]|\\.)*)"')  # {"name.with.dots", label="x"} 1
_SUFFIX = re.compile(r"_(?:bucket|count|sum|total)$")
_FIRST = re.compile(r"^[ \t]*([^#\s].*)$", re.MULTILINE)  # line that is neither empty nor a comment
_SAMPLE = re.compile(
    r"(?:[a-zA-Z_:][a-zA-Z0-9_:]*[ \t]+|(?:[a-zA-Z_:][a-zA-Z0-9_:]*)?[ \t]*\{.*\}[ \t]*)[+-]?\.?(?:[0-9]|nan|inf)",
    re.IGNORECASE,
)
# OpenMetrics puts an exemplar behind a sample, ` # {trace_id="..."} 0.2`; a label value may look like one.
_EXEMPLAR = re.compile(r'((?:[^"#]|"(?:[^"\\]|\\.)*+")*?)[ \t]#[ \t]*\{.*', re.DOTALL)


def parse_page(text: str, wanted: frozenset[str] | None, *, sample_limit: int = SAMPLE_LIMIT) -> Iterator[Sample]:
    """Samples of the wanted metrics; the rest of the page is skipped unread (parsing all of it costs 100 times more).

    Comments go too: without types the parser leaves the names alone (it would add `_total` to bare counters).

    Raises: ValueError naming a line that cannot be read, or the limit when there are more samples.
    """
    found = (_without_exemplar(line) for line in text.split("\n") if _is_wanted(line, wanted))
    lines = list(islice(found, sample_limit + 1))
    if len(lines) > sample_limit:
        raise ValueError(f"more than {sample_limit:,} wanted samples: does a label change with every request?")
    try:
        for family in text_string_to_metric_families("\n".join(lines) + "\n"):
            for name, labels, value, *_ in family.samples:
                if math.isfinite(value):
                    yield Sample(name, labels, value)
    except (ValueError, LookupError, ArithmeticError) as error:  # the parser trips over some lines without saying so
        raise ValueError(f"not the Prometheus text format: {error}") from error


def check_format(text: str) -> None:
    """Look whether a page is one of metrics at all, by its first line that says something; an empty one is.

    Raises: ValueError quoting the start of the line.
    """
    first = _FIRST.search(text)
    if first and not _SAMPLE.match(line := first[1][:MAX_LINE]):
        raise ValueError(f"not the Prometheus text format: it begins with {shown(line)}")


def pick(text: str, wanted: frozenset[str], more: frozenset[str]) -> tuple[str, str]:
    """The lines of the wanted metrics, and those of what more there is to read."""
    asked: list[str] = []
    rest: list[str] = []
    place: dict[str, list[str] | None] = {}  # by name: most names stand on many lines
    for line in text.split("\n"):
        match = _NAME.match(line) or _QUOTED_NAME.match(line)
        if match is None:
            continue
        name = match[1]
        if name not in place:
            place[name] = asked if is_wanted(name, wanted) else rest if is_wanted(name, more) else None
        if (lines := place[name]) is not None:
            lines.append(line)
    return "\n".join(asked), "\n".join(rest)


def _is_wanted(line: str, wanted: frozenset[str] | None) -> bool:
    match = _NAME.match(line) or _QUOTED_NAME.match(line)
    if not match:
        return wanted is None and not line.lstrip().startswith("#")
    return wanted is None or is_wanted(match[1], wanted)


def is_wanted(name: str, wanted: frozenset[str]) -> bool:
    """Whether a sample's name, or that of its family, is among them."""
    return name in wanted or _SUFFIX.sub("", name) in wanted


def _without_exemplar(line: str) -> str:
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of {len(line):,} characters; at most {MAX_LINE:,} are read")
    if "#" not in line:
        return line
    match = _EXEMPLAR.fullmatch(line)
    return match[1] if match else line
