"""What OpenTelemetry's spans and log records become, each with the label `service` at /metrics; and the doors' own."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

from burnline.metrics.measured import measured, measured_histogram
from burnline.spec.telemetry import SPAN_DURATION

__all__ = ["SPAN_DURATION"]

SPANS = measured("burnline_otlp_spans_total", "Server and consumer spans, by {kind} and {status} (ok, error).")
measured_histogram(SPAN_DURATION, "Time that server and consumer spans took, by {kind}.")
LOGS = measured("burnline_otlp_log_records_total", "Log records, by {severity}.")


@dataclass(frozen=True, slots=True)
class OtlpInstruments:
    """Counters the OTLP doors keep of themselves."""

    accepted: Counter
    refused: Counter
    repeated: Counter
    unknown_names: Counter


def otlp_instruments(registry: CollectorRegistry) -> OtlpInstruments:
    """Declare them in `registry`."""
    return OtlpInstruments(
        accepted=Counter(
            "burnline_otlp_records_accepted_total", "Records taken.", ["signal", "service"], registry=registry
        ),
        refused=Counter(
            "burnline_otlp_records_refused_total", "Records refused.", ["signal", "reason"], registry=registry
        ),
        repeated=Counter(
            "burnline_otlp_records_repeated_total", "Records that were counted before.", ["signal"], registry=registry
        ),
        unknown_names=Counter(
            "burnline_otlp_unknown_genai_names_total",
            "Attributes, metrics and operations of gen_ai that burnline does not know.",
            ["service"],
            registry=registry,
        ),
    )
