"""What a service says by OpenTelemetry: its spans, what it asks of generative AI, verdicts and security events."""

from __future__ import annotations

from burnline.dashboards.panels import RATE, Panel, Query
from burnline.metrics import SERVICE, genai, otlp, security
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SliSpec

OURS = ("burnline_otlp_", "burnline_genai_", security.EVENTS)
QUIET = "it says nothing of this by OpenTelemetry"


def otlp_panels(spec: ServiceSpec) -> tuple[Panel, ...]:
    """None for a service that neither has `telemetry` in its file nor an SLO on what OpenTelemetry brings."""
    if "telemetry" not in spec.model_fields_set and not any(map(_is_ours, (slo.sli for slo in spec.slos))):
        return ()
    of = f'{{{SERVICE}="{spec.service}"}}'
    return (_spans(of), _durations(of), _tokens(of), _first_token(of), _verdicts(of), _security(of))


def _is_ours(sli: SliSpec) -> bool:
    if sli.ratio:
        return sli.ratio.total.metric.startswith(OURS)
    return bool(sli.latency and sli.latency.histogram.metric.startswith(OURS))


def _spans(of: str) -> Panel:
    return Panel(
        "OpenTelemetry: requests",
        "How much comes in, and how much of it fails? Errors rise: open the incident, its traces are linked there.",
        "timeseries",
        (Query(f"sum by (kind, status) (rate({otlp.SPANS}{of}[{RATE}]))", "{{kind}} {{status}}"),),
        "reqps",
        low=0,
        empty_ok=QUIET,
    )


def _durations(of: str) -> Panel:
    return Panel(
        "OpenTelemetry: duration",
        "How long do requests take? The slow ones rise and the median does not: look at the slowest traces.",
        "timeseries",
        tuple(_quantile(share, otlp.SPAN_DURATION, of, "kind", "{{kind}}") for share in (0.5, 0.99)),
        "s",
        low=0,
        empty_ok=QUIET,
    )


def _tokens(of: str) -> Panel:
    return Panel(
        "Generative AI: tokens",
        "How many tokens are read and written, by whom? Read ones rise without requests: prompts or contexts grew.",
        "timeseries",
        (
            Query(f"sum by (model) (rate({genai.INPUT_TOKENS}{of}[{RATE}]))", "{{model}} reads"),
            Query(f"sum by (model) (rate({genai.OUTPUT_TOKENS}{of}[{RATE}]))", "{{model}} writes"),
        ),
        "short",
        low=0,
        empty_ok=QUIET,
    )


def _first_token(of: str) -> Panel:
    return Panel(
        "Generative AI: time to first token",
        "How long do people wait for the first word? It rises with load: the engine queues.",
        "timeseries",
        tuple(_quantile(share, genai.FIRST_TOKEN, of, "model", "{{model}}") for share in (0.5, 0.99)),
        "s",
        low=0,
        empty_ok=QUIET,
    )


def _verdicts(of: str) -> Panel:
    names = genai.BAD_EVALUATIONS, genai.EVALUATIONS
    bad, total = (f"sum by (evaluation) (rate({name}{of}[{RATE}]))" for name in names)
    return Panel(
        "Generative AI: bad answers",
        "Which share of the judged answers is bad? It rises after a release: compare versions of model and prompt.",
        "timeseries",
        (Query(f"({bad} or {total} * 0) / {total}", "{{evaluation}}"),),
        "percentunit",
        low=0,
        high=1,
        empty_ok=QUIET,
    )


def _security(of: str) -> Panel:
    return Panel(
        "Security events",
        "Is somebody trying something? A kind that jumps: look at the logs of the time, and whose requests they are.",
        "timeseries",
        (Query(f"sum by (kind) (rate({security.EVENTS}{of}[{RATE}]))", "{{kind}}"),),
        "short",
        low=0,
        empty_ok=QUIET,
    )


def _quantile(share: float, histogram: str, of: str, by: str, legend: str) -> Query:
    inner = f"sum by (le, {by}) (rate({histogram}_bucket{of}[{RATE}]))"
    return Query(f"histogram_quantile({share}, {inner})", f"{legend} p{share * 100:g}")
