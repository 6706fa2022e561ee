"""The dashboard of one service, row by row: is the promise kept, what do users feel, what is full, how is the model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from burnline import metrics as m
from burnline.dashboards.business import business
from burnline.dashboards.given import shown
from burnline.dashboards.gpu import GPU_DETAIL, GPUS
from burnline.dashboards.host import HOST, HOST_DETAIL
from burnline.dashboards.jobs import DATA, JOBS, job_panels
from burnline.dashboards.machine import machine_panels
from burnline.dashboards.otlp import OTLP
from burnline.dashboards.panels import RATE, Panel, Query, Row, Threshold, Unit
from burnline.dashboards.predictions import PREDICTIONS
from burnline.dashboards.queues import queue_panels
from burnline.dashboards.release import RELEASE
from burnline.dashboards.security import SECURITY
from burnline.dashboards.serving import SERVING
from burnline.dashboards.storage import STORAGE
from burnline.slo.calendar import period_name
from burnline.slo.own import own_spec
from burnline.slo.promise import members_of, sli_of
from burnline.slo.windows import all_tiers_of, tiers_of
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import LatencySli, RatioSli
from burnline.spec.slo import SloSpec
from burnline.spec.units import format_duration


def service_rows(spec: ServiceSpec) -> tuple[Row, ...]:
    """Every row this service has signals for; a row without any is left out, not shown empty."""
    spec = own_spec(spec)
    rows = (Row(title, ask(spec), collapsed=title in COLLAPSED) for title, ask in ROWS.items())
    return tuple(row for row in rows if row.panels)


def _of(spec: ServiceSpec, metric: str, **labels: str) -> str:
    pairs = {m.SERVICE: spec.service, **labels}
    return str(Selector(metric, tuple(Matcher(name, "=", value) for name, value in pairs.items())))


def _header(spec: ServiceSpec) -> tuple[Panel, ...]:
    if not spec.slos:
        return ()
    pages = f'sum(ALERTS{{service="{spec.service}",alertstate="firing",severity="page"}}) or vector(0)'
    return (
        _stat(
            "Worst budget left",
            "How much error budget is left on the SLO that has least? Under a tenth: freeze releases.",
            f"min({_of(spec, m.SLO_BUDGET_REMAINING)})",
            "percentunit",
            thresholds=(Threshold(0.1, "yellow"), Threshold(0.5, "green")),
            base="red",
        ),
        _alarm("Pages firing", "Is anybody being paged now? Any: open the incident in the console.", pages),
        _stat(
            "Budget gone in",
            "At the present rate, when is the first budget gone?",
            f"min({_of(spec, m.SLO_EXHAUSTION)})",
            "s",
            empty_ok="no budget is being used up",
        ),
        _alarm(
            "Collectors failing",
            "Can what is shown here be read at all? Any failing: see the last row.",
            f"count({_of(spec, m.COLLECTOR_SUCCESS)} == 0) or vector(0)",
        ),
    )


def _stat(title: str, question: str, expr: str, unit: Unit, **options: Any) -> Panel:
    return Panel(title, question, (Query(expr),), unit, "stat", width=6, height=4, **options)


def _alarm(title: str, question: str, expr: str) -> Panel:
    return _stat(title, question, expr, "none", thresholds=(Threshold(1, "red"),), base="green")


def _slos(spec: ServiceSpec) -> tuple[Panel, ...]:
    each = (panel for slo in spec.slos for panel in (_burn(spec, slo), _budget(spec, slo), *_members(spec, slo)))
    return (*each, *_policy(spec), *_maintenance(spec))


def _members(spec: ServiceSpec, slo: SloSpec) -> tuple[Panel, ...]:
    """The SLOs that a composite one takes together, each over its fastest window."""
    if sli_of(spec, slo).composite is None:
        return ()
    fastest = {each.name: format_duration(all_tiers_of(each)[0].long) for each in (slo, *members_of(spec, slo))}
    return (
        Panel(
            f"{slo.name}: members",
            f"Which of the SLOs that {slo.name} takes together is worst? Look at its own panels.",
            tuple(
                Query(_of(spec, m.SLO_SLI, slo=name, window=window), f"{name} over {window}")
                for name, window in fastest.items()
            ),
            "percentunit",
            width=24,
            high=1,
            empty_ok="no traffic in the window",
        ),
    )


def _policy(spec: ServiceSpec) -> tuple[Panel, ...]:
    if not spec.budget_policy:
        return ()
    steps = ", ".join(f"{step.do} at {step.left * 100:.10g}%" for step in spec.budget_policy)
    return (
        Panel(
            "Budget policy",
            f"Which steps of the error-budget policy are in force ({steps})? 1: ask before you release.",
            (Query(_of(spec, m.SLO_POLICY), "{{step}}"),),
            "bool",
            width=12,
            high=1,
        ),
    )


def _maintenance(spec: ServiceSpec) -> tuple[Panel, ...]:
    if not spec.exclude:
        return ()
    return (
        Panel(
            "Maintenance",
            "Which SLOs count nothing now, because the service file excludes the time? The console says why.",
            (Query(_of(spec, m.SLO_EXCLUDED), "{{slo}}"),),
            "bool",
            width=12,
            high=1,
        ),
    )


def _burn(spec: ServiceSpec, slo: SloSpec) -> Panel:
    fires = sorted(tiers_of(slo), key=lambda tier: tier.factor)
    return Panel(
        f"{slo.name}: burn rate",
        f"How many times too fast is the budget of {slo.name} spent? Dashed lines are where tiers fire.",
        (Query(_of(spec, m.SLO_BURN_RATE, slo=slo.name), "over {{window}}"),),
        "none",
        width=12,
        thresholds=tuple(Threshold(tier.factor, "red" if tier.severity == "page" else "yellow") for tier in fires),
        base="green",
        empty_ok="no traffic in the window",
    )


def _budget(spec: ServiceSpec, slo: SloSpec) -> Panel:
    return Panel(
        f"{slo.name}: budget left",
        f"How much of the budget of {_period(slo)} is left? Zero: the promise is broken.",
        (Query(_of(spec, m.SLO_BUDGET_REMAINING, slo=slo.name), "left"),),
        "percentunit",
        width=12,
        thresholds=(Threshold(0, "yellow"), Threshold(0.1, "green")),
        base="red",
        low=None,
        high=1,
        empty_ok="no traffic in the window",
    )


def _period(slo: SloSpec) -> str:
    return format_duration(slo.window) if isinstance(slo.window, timedelta) else f"this {period_name(slo.window)}"


def _users(slo: SloSpec) -> tuple[Panel, ...]:
    if slo.sli.ratio:
        return (_events(slo.name, slo.sli.ratio),)
    if slo.sli.latency:
        return (_quantiles(slo.name, slo.sli.latency),)
    return _gauge(slo)


def _gauge(slo: SloSpec) -> tuple[Panel, ...]:
    if slo.sli.threshold:
        bounds = [bound for bound in (slo.sli.threshold.below, slo.sli.threshold.above) if bound is not None]
        marks = tuple(Threshold(bound, "red") for bound in bounds)
        question = "Where is the gauge, and where is it beyond its bound? The worst series decides."
        return (_line(f"{slo.name}: gauge", question, Query(str(slo.sli.threshold.gauge)), "none", marks),)
    if slo.sli.freshness:
        age = Query(f"time() - min({slo.sli.freshness.timestamp})", "age")
        limit = slo.sli.freshness.max_age
        question = f"How old is the oldest of the data? The promise is {format_duration(limit)}."
        return (_line(f"{slo.name}: age", question, age, "s", (Threshold(limit.total_seconds(), "red"),)),)
    if slo.sli.throughput:
        least, per = slo.sli.throughput.at_least, slo.sli.throughput.per
        promise = f"{least:.10g} in {format_duration(per)}, {least / per.total_seconds():.4g}/s"
        question = f"Does enough get done? The promise is {promise}."
        rate = Query(f"sum({_rate(slo.sli.throughput.counter)})", "all")
        return (_line(f"{slo.name}: throughput", question, rate, "reqps"),)
    return ()


def _line(title: str, question: str, query: Query, unit: Unit, marks: tuple[Threshold, ...] = ()) -> Panel:
    why = "the service shows no such series"
    return Panel(title, question, (query,), unit, width=12, thresholds=marks, low=None, empty_ok=why)


def _events(name: str, ratio: RatioSli) -> Panel:
    side, kind = (ratio.bad, "bad") if ratio.bad else (ratio.good, "good")
    return Panel(
        f"{name}: events",
        f"How much traffic is there, and how much of it is {kind}?",
        (Query(f"sum({_rate(ratio.total)})", "all"), Query(f"sum({_rate(side)})", kind)),
        "reqps",
        width=12,
        empty_ok="the service has had no such event",
    )


def _quantiles(name: str, latency: LatencySli) -> Panel:
    bucket = Selector(f"{latency.histogram.metric}_bucket", latency.histogram.matchers)
    return Panel(
        f"{name}: quantiles",
        f"How long do users wait? The promise is {format_duration(latency.below)}.",
        tuple(
            Query(f"histogram_quantile({q}, sum by (le) ({_rate(bucket)}))", f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)
        ),
        "s",
        width=12,
        thresholds=(Threshold(latency.below.total_seconds(), "red"),),
        base="green",
        empty_ok="no request was answered",
    )


def _model(spec: ServiceSpec) -> tuple[Panel, ...]:
    signals = spec.signals.model_fields_set
    if not signals:
        return ()
    return (
        Panel(
            "Signals",
            "How far is the model's world from the one it was trained on? 0 is as trained.",
            (Query(_of(spec, m.SIGNAL_SCORE), "{{signal}}"),),
            "none",
            width=12,
            high=1,
            empty_ok="no window has closed with enough events",
        ),
        Panel(
            "Features that differ most",
            "Which inputs changed? Look at what feeds the first one.",
            (Query(f"topk(10, {_of(spec, m.SIGNAL_FEATURE_SCORE)})", "{{signal}}: {{feature}}"),),
            "none",
            width=12,
            high=1,
            empty_ok="no window has closed with enough events",
        ),
        Panel(
            "Versions and slices that differ most",
            "Is it one version, one country? /others: how much worse that version is than the others.",
            (Query(f"topk(10, {_of(spec, m.SIGNAL_PART_SCORE)})", "{{signal}}: {{part}}"),),
            "none",
            width=24,
            high=1,
            empty_ok="no event names a version or a slice",
        ),
    )


def _response(spec: ServiceSpec) -> tuple[Panel, ...]:
    if not spec.runbooks:
        return ()
    return (
        Panel(
            "Runs of runbooks",
            "What did burnline do, and did it help? Anything but recovered needs a person.",
            (Query(f"increase({_of(spec, 'burnline_runbook_runs_total')}[{RATE}])", "{{runbook}}: {{outcome}}"),),
            "none",
            width=24,
            empty_ok="no runbook has run",
        ),
    )


def _trust(spec: ServiceSpec) -> tuple[Panel, ...]:
    return (
        Panel(
            "Collectors",
            "Which collectors read their source? 0: failing, see the reason in the console.",
            (Query(f'{m.COLLECTOR_SUCCESS}{{service=~"{spec.service}|"}}', "{{collector}}"),),
            "bool",
            high=1,
        ),
        Panel(
            "Inbox",
            "Does burnline keep up with what it accepted? New rows grow: it does not. Dead rows: somebody must look.",
            (Query(m.INBOX_ROWS, "{{kind}}: {{state}}"),),
            "none",
            empty_ok="the inbox is empty",
        ),
        Panel(
            "Failed turns",
            "Do burnline's own workers run? Above 0: see its log.",
            (Query(f"sum by (worker) (rate(burnline_worker_failures_total[{RATE}]))", "{{worker}}"),),
            "none",
            empty_ok="no worker has ever failed",
        ),
    )


def _rate(selector: Selector | None) -> str:
    return f"rate({selector}[{RATE}])"


def _users_of(spec: ServiceSpec) -> tuple[Panel, ...]:
    return tuple(panel for slo in spec.slos for panel in _users(slo))


ROWS: dict[str, Callable[[ServiceSpec], tuple[Panel, ...]]] = {
    "": _header,
    "SLOs": _slos,
    "Users": _users_of,
    "Release": partial(shown, RELEASE),
    "Serving engine": partial(shown, SERVING),
    "OpenTelemetry": partial(shown, OTLP),
    "Saturation": partial(machine_panels, HOST),
    "Queues": queue_panels,
    "Storage": partial(shown, STORAGE),
    "GPU": partial(machine_panels, GPUS),
    "Model": _model,
    "Predictions": partial(shown, PREDICTIONS),
    "Jobs": partial(job_panels, JOBS),
    "Data": partial(job_panels, DATA),
    "Security": partial(shown, SECURITY),
    "Business": business,
    "Host in detail": partial(machine_panels, HOST_DETAIL),
    "GPU in detail": partial(machine_panels, GPU_DETAIL),
    "Response": _response,
    "Can this page be trusted?": _trust,
}
COLLAPSED = frozenset({"Host in detail", "GPU in detail", "Response", "Can this page be trusted?"})
