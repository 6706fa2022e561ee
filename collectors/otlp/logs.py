"""Log records into counts: by severity, verdicts on answers, security events. No text of a record is
read, unless the service file asks for those of answers."""

from __future__ import annotations

from typing import Any

from burnline.collectors.otlp import genai
from burnline.collectors.otlp.content import Contents, Scorer
from burnline.collectors.otlp.seen import Seen
from burnline.collectors.otlp.sheet import Services, Sheet
from burnline.collectors.otlp.tally import NANOSECOND, Mark, Tally, mark_of
from burnline.collectors.otlp.verdicts import EVALUATION, EVALUATION_READ, fold_evaluation, security_kind
from burnline.collectors.otlp.wire import Refused, Wire, groups, scalars, text
from burnline.metrics import otlp, security
from burnline.spec.service import ServiceSpec

SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")  # four numbers each, from 1
EVENT_NAME = "event.name"  # before the record had a field for it
ANSWERS = frozenset({"gen_ai.choice", "gen_ai.client.inference.operation.details"})  # events that bring answers
READ = EVALUATION_READ | genai.READ | {EVENT_NAME, "event.category", "event.outcome"}


def fold(
    wire: Wire, request: Any, services: Services, seen: Seen, scorer: Scorer | None = None
) -> tuple[Sheet, set[int]]:
    """Count the log records of a request; with the sheet, the marks of answers to be remembered once it is kept.

    Args:
        scorer: what looks at the texts of answers, where a service file asks for it.

    Raises: PayloadError for more records than one body may hold.
    """
    sheet, contents = Sheet(), Contents(wire, scorer)
    for spec, group in sheet.owned(services, groups(wire, request.resource_logs, "scope_logs", "log_records")):
        tally = sheet.tally(spec.service)
        for record in group.records:
            try:
                _record(wire, record, spec, tally, contents)
            except (Refused, ValueError, OverflowError) as error:
                sheet.refuse(error if isinstance(error, Refused) else Refused("malformed", f"a log record: {error}"))
            else:
                sheet.accepted[spec.service] += 1
    return sheet, contents.score(seen)


def _record(wire: Wire, record: Any, spec: ServiceSpec, tally: Tally, contents: Contents) -> None:
    attributes = scalars(wire, record.attributes, READ)
    tally.mark = _mark(wire, record) if record.trace_id else None
    tally.add(otlp.LOGS, severity=severity(record.severity_number or 0))
    event = record.event_name or text(attributes.get(EVENT_NAME, ""))
    if event == EVALUATION:
        fold_evaluation(tally, attributes, spec)
    elif kind := security_kind(event, attributes):
        tally.add(security.EVENTS, kind=kind)
    content = spec.telemetry.content
    if content and record.trace_id and event.startswith(genai.PREFIX):
        ids = wire.ident(record.trace_id), wire.ident(record.span_id)
        if contents.wanted(content, ids[0]):
            contents.read(content, tally, ids, record.attributes, body=record.body, event=event)
            if event in ANSWERS:
                contents.told(ids, genai.whose(attributes))


def _mark(wire: Wire, record: Any) -> Mark | None:
    at = int(record.time_unix_nano or record.observed_time_unix_nano or 0) * NANOSECOND
    return mark_of(wire.ident(record.trace_id), wire.ident(record.span_id), at) if at else None


def severity(number: int) -> str:
    """The word for a severity's number: `info` for 9 to 12; `unset` for what is none."""
    return SEVERITIES[(number - 1) // 4] if 1 <= number <= 4 * len(SEVERITIES) else "unset"
