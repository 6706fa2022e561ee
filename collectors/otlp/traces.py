"""Spans into rate, errors and duration of each service, and of what it asks generative AI."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from burnline.collectors.otlp import genai
from burnline.collectors.otlp.content import Contents, Scorer
from burnline.collectors.otlp.seen import Seen
from burnline.collectors.otlp.sheet import Services, Sheet
from burnline.collectors.otlp.tally import NANOSECOND, le, mark_of
from burnline.collectors.otlp.verdicts import EVALUATION, EVALUATION_READ, fold_evaluation
from burnline.collectors.otlp.wire import MAX_ATTRIBUTES, Refused, Scalar, Wire, groups, text
from burnline.metrics import otlp
from burnline.spec.service import ServiceSpec
from burnline.spec.telemetry import ContentSpec
from burnline.store.traces import Trace

ENTRIES = {2: "server", 5: "consumer"}  # the kinds of span with which work comes in
ERROR = 2
ERROR_TYPE = "error.type"
READ = genai.READ | {ERROR_TYPE}
LONGEST = 7 * 86_400.0  # seconds; a span that took longer has a wrong clock
ERROR_PLACES = 8  # kinds of errors of which a trace is kept in each slot of time


@dataclass(frozen=True, slots=True)
class _Read:
    """What is needed of one span."""

    attributes: dict[str, Scalar]
    seconds: float
    failed: bool


def fold(
    wire: Wire, request: Any, services: Services, seen: Seen, now: datetime, scorer: Scorer | None = None
) -> tuple[Sheet, set[int]]:
    """Count the spans of a request; with the sheet, the marks of those that are to be remembered once it is kept.

    Args:
        scorer: what looks at the texts of answers, where a service file asks for it.

    Raises: PayloadError for more records than one body may hold.
    """
    sheet, marks, contents = Sheet(), set[int](), Contents(wire, scorer)
    for spec, group in sheet.owned(services, groups(wire, request.resource_spans, "scope_spans", "spans")):
        fold_in = _Fold(wire, spec, sheet, contents, now)
        for span in group.records:
            ids = wire.ident(span.trace_id), wire.ident(span.span_id)
            mark = hash(ids) if all(ids) else 0  # a span's identity in this process; 0 when its ids are none
            if mark and (mark in marks or mark in seen):
                sheet.again += 1
                continue
            try:
                fold_in.span(span, *ids)
            except (Refused, ValueError, OverflowError) as error:
                sheet.refuse(error if isinstance(error, Refused) else Refused("malformed", f"a span: {error}"))
            else:
                sheet.accepted[spec.service] += 1
                marks.add(mark)
    marks |= contents.score(seen)
    marks.discard(0)
    return sheet, marks


class _Fold:
    """The spans of one resource and scope, while they are counted."""

    def __init__(self, wire: Wire, spec: ServiceSpec, sheet: Sheet, contents: Contents, now: datetime) -> None:
        self._wire, self._spec, self._sheet, self._contents, self._now = wire, spec, sheet, contents, now
        self._tally = sheet.tally(spec.service)
        self._bounds = spec.telemetry.bounds_seconds
        self._slowest: dict[int, float] = {}  # by bucket, of those kept so far

    def span(self, span: Any, trace_id: str, span_id: str) -> None:
        """Count one. Raises: Refused for one that cannot be, or has too many attributes."""
        read = self._read(span)
        ended = int(span.end_time_unix_nano or 0) * NANOSECOND
        self._tally.mark = mark_of(trace_id, span_id, ended) if ended else None
        kind = ENTRIES.get(span.kind or 0)
        if kind:
            self._tally.add(otlp.SPANS, kind=kind, status="error" if read.failed else "ok")
            self._tally.observe(otlp.SPAN_DURATION, read.seconds, self._bounds, kind=kind)
            self._note(text(span.name or ""), read)
        if self._spec.telemetry.genai == "spans" and genai.is_genai(read.attributes):
            genai.fold_span(self._tally, read.attributes, seconds=read.seconds, failed=read.failed)
        for event in span.events or ():
            if event.name == EVALUATION:
                fold_evaluation(self._tally, self._verdict(event.attributes), self._spec)
        content = self._spec.telemetry.content
        if content and self._contents.wanted(content, trace_id):
            self._look(content, span, (trace_id, span_id), read)

    def _look(self, content: ContentSpec, span: Any, ids: tuple[str, str], read: _Read) -> None:
        """Have the texts of a span and its events looked at."""
        self._contents.read(content, self._tally, ids, span.attributes)
        for event in span.events or ():
            self._contents.read(content, self._tally, ids, event.attributes, event=event.name or "")
        if genai.is_genai(read.attributes) and genai.operation_of(read.attributes) in genai.INFERENCE:
            self._contents.told(ids, genai.whose(read.attributes))

    def _read(self, span: Any) -> _Read:
        attributes = span.attributes or ()
        if len(attributes) > MAX_ATTRIBUTES:
            raise Refused("attributes", f"a span has {len(attributes):,} attributes; the most are {MAX_ATTRIBUTES}")
        found: dict[str, Scalar] = {}
        for each in attributes:
            key = each.key
            if key in READ:
                if (value := self._wire.scalar(each.value)) is not None:
                    found[key] = value
            elif genai.is_unknown(key):
                self._sheet.unknown_names[self._spec.service] += 1
        start, end = int(span.start_time_unix_nano or 0), int(span.end_time_unix_nano or 0)
        seconds = (end - start) * NANOSECOND
        if not 0 <= seconds <= LONGEST:
            raise Refused("time", "a span ends before it starts, or more than 7d after")
        return _Read(found, seconds, bool(span.status) and span.status.code == ERROR)

    def _verdict(self, attributes: Any) -> dict[str, Scalar]:
        found = {}
        for each in (attributes or ())[:MAX_ATTRIBUTES]:
            if each.key in EVALUATION_READ and (value := self._wire.scalar(each.value)) is not None:
                found[each.key] = value
        return found

    def _note(self, name: str, read: _Read) -> None:
        """Keep a trace for its bucket, and one for its kind of error; none without an id and a time."""
        bucket = bisect_left(self._bounds, read.seconds)
        slow = read.seconds > self._slowest.get(bucket, -1.0)
        if not slow and not read.failed:
            return
        mark = self._tally.mark
        if mark is None:
            return
        at = min(self._now, datetime.fromtimestamp(min(mark.at, self._now.timestamp()), UTC))  # nobody is ahead of us
        made = partial(
            Trace,
            self._spec.service,
            at=at,
            trace_id=mark.trace_id,
            span_id=mark.span_id,
            name=name,
            duration=read.seconds,
        )
        if slow:
            self._slowest[bucket] = read.seconds
            place = le(self._bounds[bucket]) if bucket < len(self._bounds) else "+Inf"
            self._sheet.traces.append(made(kind="slow", place=place))
        if read.failed:
            what = f"{name} {text(read.attributes.get(ERROR_TYPE, ''))}"
            place = str(zlib.crc32(what.encode("utf-8", "replace")) % ERROR_PLACES)
            self._sheet.traces.append(made(kind="error", place=place))
