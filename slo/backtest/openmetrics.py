"""History as text: OpenMetrics with a timestamp on every line, as `promtool tsdb dump-openmetrics` writes it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from burnline.errors import Problem, SpecError
from burnline.slo.backtest.samples import LATEST, Samples
from burnline.spec.words import shown

_SAMPLE = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+(\S+)(?:[ \t]+(\S+))?\s*(?:#.*)?'
)
LONGEST_LINE = 65_536


def read_openmetrics(path: Path, wanted: Collection[str], into: Samples) -> None:
    """Add the samples of the metrics in `wanted`.

    Raises: SpecError naming the file, the line and what was found there.
    """
    labels: dict[str, dict[str, str]] = {"": {}}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith("#"):
                    _read(path, number, line, wanted, into, labels)
    except (OSError, UnicodeDecodeError) as error:
        raise _problem(path, 0, f"cannot be read: {error}") from error


def _read(
    path: Path, number: int, line: str, wanted: Collection[str], into: Samples, known: dict[str, dict[str, str]]
) -> None:
    found = _SAMPLE.fullmatch(line.strip()) if len(line) <= LONGEST_LINE else None
    if found is None:
        raise _problem(
            path, number, f'{shown(line.strip())} is no sample; write `name{{label="value"}} value timestamp`'
        )
    name, written, value, at = found.groups()
    if name not in wanted:
        return
    if at is None:
        raise _problem(path, number, f"{shown(line.strip())} has no timestamp: without one it is no history")
    moment, amount = _number(at), _number(value)
    if amount is None or moment is None:
        raise _problem(path, number, f"{shown(value if amount is None else at)} is no number")
    if not 0 <= moment < LATEST:
        raise _problem(path, number, f"{shown(at)} is no moment; write unix seconds, before the year 2100")
    written = written or ""
    if written not in known:
        known[written] = _labels(path, number, written)
    into.add(name, known[written], moment, amount)


def _labels(path: Path, number: int, written: str) -> dict[str, str]:
    try:
        [family] = text_string_to_metric_families(f"x{written} 0\n")
        return dict(family.samples[0].labels)
    except (ValueError, IndexError, KeyError) as error:
        raise _problem(path, number, f"{shown(written)} holds no labels: {error}") from error


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None


def _problem(path: Path, line: int, message: str) -> SpecError:
    return SpecError([Problem(str(path), line, "", message)])
