"""Log records into counts: by severity, verdicts on answers, security events. No text of a record is read."""

from __future__ import annotations

from typing import Any

from burnline.collectors.otlp.sheet import Services, Sheet
from burnline.collectors.otlp.tally import NANOSECOND, Mark, Tally, mark_of
from burnline.collectors.otlp.verdicts import EVALUATION, EVALUATION_READ, fold_evaluation, security_kind
from burnline.collectors.otlp.wire import Refused, Wire, groups, scalars, text
from burnline.metrics import otlp, security
from burnline.spec.service import ServiceSpec

SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")  # four numbers each, from 1
EVENT_NAME = "event.name"  # before the record had a field for it
READ = EVALUATION_READ | {EVENT_NAME, "event.category", "event.outcome"}


def fold(wire: Wire, request: Any, services: Services) -> Sheet:
    """Count the log records of a request. Raises: PayloadError for more records than one body may hold."""
    sheet = Sheet()
    for spec, group in sheet.owned(services, groups(wire, request.resource_logs, "scope_logs", "log_records")):
        tally = sheet.tally(spec.service)
        for record in group.records:
            try:
                _record(wire, record, spec, tally)
            except (Refused, ValueError, OverflowError) as error:
                sheet.refuse(error if isinstance(error, Refused) else Refused("malformed", f"a log record: {error}"))
            else:
                sheet.accepted[spec.service] += 1
    return sheet


def _record(wire: Wire, record: Any, spec: ServiceSpec, tally: Tally) -> None:
    attributes = scalars(wire, record.attributes, READ)
    tally.mark = _mark(wire, record) if record.trace_id else None
    tally.add(otlp.LOGS, severity=severity(record.severity_number or 0))
    event = record.event_name or text(attributes.get(EVENT_NAME, ""))
    if event == EVALUATION:
        fold_evaluation(tally, attributes, spec)
    elif kind := security_kind(event, attributes):
        tally.add(security.EVENTS, kind=kind)


def _mark(wire: Wire, record: Any) -> Mark | None:
    at = int(record.time_unix_nano or record.observed_time_unix_nano or 0) * NANOSECOND
    return mark_of(wire.ident(record.trace_id), wire.ident(record.span_id), at) if at else None


def severity(number: int) -> str:
    """The word for a severity's number: `info` for 9 to 12; `unset` for what is none."""
    return SEVERITIES[(number - 1) // 4] if 1 <= number <= 4 * len(SEVERITIES) else "unset"
