"""burnline's own logs and traces: structured lines on a stream, OTLP where an endpoint is set.

    log.info("run claimed", extra={"run": 7, "service": "card-fraud"})
    with span("run step", run=7): ...

`span` costs one comparison while tracing is off; the OpenTelemetry SDK is imported only to switch it on.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TextIO
from urllib.parse import urlsplit

from burnline import __version__
from burnline.errors import Problem, SpecError

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

LOGGER = "burnline"
EXPORT_TIMEOUT_SECONDS = 5.0
LONGEST_VALUE = 2000
HIDDEN = "***"
SECRET_NAME = re.compile(  # not `tokens`: those are counted
    r"(^|[_.-])token$|secret|passw|authorization|cookie|api_?key|credential|private_?key", re.IGNORECASE
)
SECRET_TEXT = re.compile(r"(?<=://)[^/\s@]+(?=@)|(?<=bearer )\S+", re.IGNORECASE)
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_tracer: Tracer | None = None


class WithEndpoint(Protocol):
    """The part of the settings that telemetry needs."""

    @property
    def otlp_endpoint(self) -> str: ...


class Causes:
    """The cause that the log knows of each trouble: a line comes when it begins or changes, not at every try."""

    def __init__(self) -> None:
        self._known: dict[Hashable, str] = {}

    def is_new(self, trouble: Hashable, cause: str) -> bool:
        """Whether the log does not know this cause yet, and from now on it does; an empty one is the trouble's end.

        >>> causes = Causes()
        >>> [causes.is_new("mail", cause) for cause in ("", "down", "down", "refused", "", "refused")]
        [False, True, False, True, True, True]
        """
        if cause == self._known.get(trouble, ""):
            return False
        if cause:
            self._known[trouble] = cause
        else:
            self._known.pop(trouble, None)
        return True


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What was switched on; `shutdown` sends what waits and switches it off again."""

    shutdown: Callable[[], None] = lambda: None


def setup_telemetry(settings: WithEndpoint) -> Telemetry:
    """Send burnline's traces and logs to `settings.otlp_endpoint` by OTLP/HTTP; without one, nothing happens.

    Raises: SpecError when the endpoint is no http(s) URL.
    """
    endpoint = settings.otlp_endpoint.rstrip("/")
    if not endpoint:
        return Telemetry()
    if urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).netloc:
        message = f"{_clean_text(endpoint)!r} is no http(s) URL; http://127.0.0.1:4318 would be"
        raise SpecError([Problem("environment", 0, "BURNLINE_OTLP_ENDPOINT", message)])
    traces, logs = _providers(endpoint)
    return _switch_on(traces, logs)


@contextmanager
def _recorded(tracer: Tracer, name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
    with tracer.start_as_current_span(name, attributes=_plain(attributes)):
        yield


def span(name: str, **attributes: Any) -> AbstractContextManager[None]:
    """Trace the block as `name` (a stable word; what varies goes into `attributes`); nothing while tracing is off."""
    return nullcontext() if _tracer is None else _recorded(_tracer, name, attributes)


def setup_logging(stream: TextIO, level: int = logging.INFO) -> None:
    """Write burnline's log events, and the warnings of libraries, to `stream`: one JSON object a line.

    Calling it again replaces the stream.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler.formatter, JsonLines)]:
        root.removeHandler(handler)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    logging.getLogger(LOGGER).setLevel(level)


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, event, then the `extra` fields; error and stack with an exception.

    ASCII only, so that no log field can move a terminal's cursor or forge a second line.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "level": record.levelname.lower(), "logger": record.name, "event": event_of(record)}
        return json.dumps({**fields_of(record), **line}, default=str)


def event_of(record: logging.LogRecord) -> str:
    """What happened, with secrets hidden."""
    return _clean_text(record.getMessage())


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The `extra` fields of a log record and its exception, with secrets hidden and long values cut."""
    fields = {name: _clean(name, value) for name, value in vars(record).items() if name not in STANDARD}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        fields["error"] = _clean_text(f"{type(error).__name__}: {error}")
        fields["stack"] = _clean_text(logging.Formatter().formatException(record.exc_info), longest=8 * LONGEST_VALUE)
    return fields


def _clean(name: str, value: Any) -> Any:
    if SECRET_NAME.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean("", item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _clean_text(str(value))


def _clean_text(value: str, *, longest: int = LONGEST_VALUE) -> str:
    hidden = SECRET_TEXT.sub(HIDDEN, value)
    return hidden if len(hidden) <= longest else f"{hidden[:longest]}... ({len(hidden)} characters)"


def _plain(fields: Mapping[str, Any]) -> dict[str, str | bool | int | float]:
    """Attributes as OpenTelemetry takes them: scalars; anything deeper as JSON, and nothing for None."""
    cleaned = {name: _clean(name, value) for name, value in fields.items() if value is not None}
    return {
        name: value if isinstance(value, (str, bool, int, float)) else json.dumps(value, default=str)
        for name, value in cleaned.items()
    }


def _providers(endpoint: str) -> tuple[TracerProvider, LoggerProvider]:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": LOGGER, "service.version": __version__})
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    spans = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_TIMEOUT_SECONDS)
    traces.add_span_processor(BatchSpanProcessor(spans))
    logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
    lines = OTLPLogExporter(endpoint=f"{endpoint}/v1/logs", timeout=EXPORT_TIMEOUT_SECONDS)
    logs.add_log_record_processor(BatchLogRecordProcessor(lines))
    return traces, logs


def _switch_on(traces: TracerProvider, logs: LoggerProvider) -> Telemetry:
    global _tracer  # noqa: PLW0603 - one process, one tracer: `span` must cost nothing when there is none
    handler = _OtlpHandler(logs)
    logging.getLogger(LOGGER).addHandler(handler)
    _tracer = traces.get_tracer(LOGGER, __version__)

    def switch_off() -> None:
        global _tracer  # noqa: PLW0603
        _tracer = None
        logging.getLogger(LOGGER).removeHandler(handler)
        traces.shutdown()
        logs.shutdown()

    return Telemetry(switch_off)


class _OtlpHandler(logging.Handler):
    """Hands log records to the SDK, whose own handler is deprecated and knows no secrets."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._logger = provider.get_logger(LOGGER, __version__)

    def emit(self, record: logging.LogRecord) -> None:
        from opentelemetry._logs import LogRecord, SeverityNumber

        # OpenTelemetry's DEBUG, INFO, WARN, ERROR, FATAL are 5, 9, 13, 17, 21; logging's are 10 to 50.
        severity = SeverityNumber(min(max(record.levelno // 10, 1), 5) * 4 + 1)
        self._logger.emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                severity_number=severity,
                severity_text=record.levelname,
                body=event_of(record),
                attributes={"logger": record.name, **_plain(fields_of(record))},
            )
        )
