"""Spans into rate, errors and duration of each service, and of what it asks generative AI."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from burnline.collectors.otlp import genai
from burnline.collectors.otlp.seen import Seen
from burnline.collectors.otlp.sheet import Services, Sheet
from burnline.collectors.otlp.tally import Tally, le
from burnline.collectors.otlp.verdicts import EVALUATION, EVALUATION_READ, fold_evaluation
from burnline.collectors.otlp.wire import MAX_ATTRIBUTES, Refused, Scalar, Wire, groups, text
from burnline.metrics import otlp
from burnline.spec.service import ServiceSpec
from burnline.store.traces import Trace

ENTRIES = {2: "server", 5: "consumer"}  # the kinds of span with which work comes in
ERROR = 2
ERROR_TYPE = "error.type"
READ = genai.READ | {ERROR_TYPE}
LONGEST = 7 * 86_400.0  # seconds; a span that took longer has a wrong clock
ERROR_PLACES = 8  # kinds of errors of which a trace is kept in each slot of time
NANOSECOND = 1e-9
TRACE_DIGITS = 32


@dataclass(frozen=True, slots=True)
class _Read:
    """What is needed of one span."""

    attributes: dict[str, Scalar]
    seconds: float
    failed: bool


def fold(wire: Wire, request: Any, services: Services, seen: Seen, now: datetime) -> tuple[Sheet, set[int]]:
    """Count the spans of a request; with the sheet, the marks of those that are to be remembered once it is kept.

    Raises: PayloadError for more records than one body may hold.
    """
    sheet, marks = Sheet(), set[int]()
    for spec, group in sheet.owned(services, groups(wire, request.resource_spans, "scope_spans", "spans")):
        tally = sheet.tally(spec.service)
        for span in group.records:
            mark = _mark(wire, span)
            if mark and (mark in marks or mark in seen):
                sheet.again += 1
                continue
            try:
                _span(wire, span, spec, tally, sheet, now)
            except (Refused, ValueError, OverflowError) as error:
                sheet.refuse(error if isinstance(error, Refused) else Refused("malformed", f"a span: {error}"))
            else:
                sheet.accepted[spec.service] += 1
                marks.add(mark)
    marks.discard(0)
    return sheet, marks


def _span(wire: Wire, span: Any, spec: ServiceSpec, tally: Tally, sheet: Sheet, now: datetime) -> None:
    read = _read(wire, span, spec.service, sheet)
    kind = ENTRIES.get(span.kind or 0)
    if kind:
        tally.add(otlp.SPANS, kind=kind, status="error" if read.failed else "ok")
        tally.observe(otlp.SPAN_DURATION, read.seconds, spec.telemetry.bounds_seconds, kind=kind)
        sheet.traces += _notable(wire, span, spec, read, now)
    if genai.is_genai(read.attributes) and spec.telemetry.genai == "spans":
        genai.fold_span(tally, read.attributes, seconds=read.seconds, failed=read.failed)
    for event in span.events or ():
        if event.name == EVALUATION:
            fold_evaluation(tally, _of(wire, event.attributes), spec)


def _read(wire: Wire, span: Any, service: str, sheet: Sheet) -> _Read:
    """Raises: Refused for a span that cannot be, or has too many attributes."""
    attributes = span.attributes or ()
    if len(attributes) > MAX_ATTRIBUTES:
        raise Refused("attributes", f"a span has {len(attributes):,} attributes; the most are {MAX_ATTRIBUTES}")
    found: dict[str, Scalar] = {}
    for each in attributes:
        key = each.key
        if key in READ:
            if (value := wire.scalar(each.value)) is not None:
                found[key] = value
        elif genai.is_unknown(key):
            sheet.unknown_names[service] += 1
    start, end = int(span.start_time_unix_nano or 0), int(span.end_time_unix_nano or 0)
    seconds = (end - start) * NANOSECOND
    if not 0 <= seconds <= LONGEST:
        raise Refused("time", "a span ends before it starts, or more than 7d after")
    failed = bool(span.status) and span.status.code == ERROR
    return _Read(found, seconds, failed)


def _of(wire: Wire, attributes: Any) -> dict[str, Scalar]:
    found = {}
    for each in (attributes or ())[:MAX_ATTRIBUTES]:
        if each.key in EVALUATION_READ and (value := wire.scalar(each.value)) is not None:
            found[each.key] = value
    return found


def _notable(wire: Wire, span: Any, spec: ServiceSpec, read: _Read, now: datetime) -> Sequence[Trace]:
    """A trace for its bucket, and one for its kind of error; none without an id and a time."""
    trace_id, ended = wire.ident(span.trace_id), int(span.end_time_unix_nano or 0) * NANOSECOND
    if len(trace_id) != TRACE_DIGITS or not ended:
        return ()
    at = min(now, datetime.fromtimestamp(min(ended, now.timestamp()), UTC))  # no clock of a sender is ahead of ours
    name, span_id = text(span.name or ""), wire.ident(span.span_id)
    bounds = spec.telemetry.bounds_seconds
    slot = bisect_left(bounds, read.seconds)
    place = le(bounds[slot]) if slot < len(bounds) else "+Inf"
    found = [Trace(spec.service, "slow", place, at, trace_id, span_id, name, read.seconds)]
    if read.failed:
        what = f"{name} {text(read.attributes.get(ERROR_TYPE, ''))}"
        place = str(zlib.crc32(what.encode("utf-8", "replace")) % ERROR_PLACES)
        found.append(Trace(spec.service, "error", place, at, trace_id, span_id, name, read.seconds))
    return found


def _mark(wire: Wire, span: Any) -> int:
    """A span's identity in this process; 0 when its ids are none."""
    ids = wire.ident(span.trace_id), wire.ident(span.span_id)
    return hash(ids) if all(ids) else 0
