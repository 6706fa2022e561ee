"""The dashboard of one service, row by row: is the promise kept, what do users feel, what is full, how is the model."""

from __future__ import annotations

from datetime import timedelta

from burnline import metrics as m
from burnline.dashboards.panels import Panel, Query, Row, Threshold
from burnline.slo.windows import tiers
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import SloSpec
from burnline.spec.units import format_duration

RATE = "$__rate_interval"


def service_rows(spec: ServiceSpec) -> tuple[Row, ...]:
    """Every row this service has signals for; a row without any is left out, not shown empty."""
    rows = (
        Row("", _header(spec)),
        Row("Promise", _promise(spec)),
        Row("Users", tuple(panel for slo in spec.slos for panel in _users(slo))),
        Row("Saturation", _host(spec)),
        Row("GPU", _gpu(spec)),
        Row("Model", _model(spec)),
        Row("Response", _response(spec), collapsed=True),
        Row("Can this page be trusted?", _trust(spec), collapsed=True),
    )
    return tuple(row for row in rows if row.panels)


def _of(spec: ServiceSpec, metric: str, **labels: str) -> str:
    pairs = {m.SERVICE: spec.service, **labels}
    return str(Selector(metric, tuple(Matcher(name, "=", value) for name, value in pairs.items())))


def _header(spec: ServiceSpec) -> tuple[Panel, ...]:
    if not spec.slos:
        return ()
    burning = f'sum(ALERTS{{service="{spec.service}",alertstate="firing",severity="page"}}) or vector(0)'
    return (
        Panel(
            "Worst budget left",
            "How much error budget is left on the SLO that has least? Under a tenth: freeze releases.",
            "stat",
            (Query(f"min({_of(spec, m.SLO_BUDGET_REMAINING)})"),),
            "percentunit",
            thresholds=(Threshold(0.1, "yellow"), Threshold(0.5, "green")),
            base="red",
            width=6,
            height=4,
        ),
        Panel(
            "Pages firing",
            "Is anybody being paged now? Any: open the incident in the console.",
            "stat",
            (Query(burning),),
            "none",
            thresholds=(Threshold(1, "red"),),
            base="green",
            width=6,
            height=4,
        ),
        Panel(
            "Budget gone in",
            "At the present rate, when is the first budget gone? Nothing shown: no budget is being used up.",
            "stat",
            (Query(f"min({_of(spec, m.SLO_EXHAUSTION)})"),),
            "s",
            width=6,
            height=4,
            empty_ok="no budget is being used up",
        ),
        Panel(
            "Collectors failing",
            "Can what is shown here be read at all? Any failing: see the last row.",
            "stat",
            (Query(f"count({_of(spec, m.COLLECTOR_SUCCESS)} == 0) or vector(0)"),),
            "none",
            thresholds=(Threshold(1, "red"),),
            base="green",
            width=6,
            height=4,
        ),
    )


def _promise(spec: ServiceSpec) -> tuple[Panel, ...]:
    panels: list[Panel] = []
    for slo in spec.slos:
        if not isinstance(slo.window, timedelta):
            continue
        fires = tiers(slo.window, slo.objective)
        panels += [
            Panel(
                f"{slo.name}: burn rate",
                f"How many times too fast is the budget of {slo.name} spent? Dashed lines are where tiers fire.",
                "timeseries",
                (Query(_of(spec, m.SLO_BURN_RATE, slo=slo.name), "over {{window}}"),),
                "none",
                width=12,
                thresholds=tuple(
                    sorted(
                        (Threshold(t.factor, "red" if t.severity == "page" else "yellow") for t in fires),
                        key=lambda threshold: threshold.value,
                    )
                ),
                base="green",
                low=0,
                empty_ok="no traffic in the window",
            ),
            Panel(
                f"{slo.name}: budget left",
                f"How much of the budget of {format_duration(slo.window)} is left? Zero: the promise is broken.",
                "timeseries",
                (Query(_of(spec, m.SLO_BUDGET_REMAINING, slo=slo.name), "left"),),
                "percentunit",
                width=12,
                thresholds=(Threshold(0, "yellow"), Threshold(0.1, "green")),
                base="red",
                high=1,
                empty_ok="no traffic in the window",
            ),
        ]
    return tuple(panels)


def _users(slo: SloSpec) -> tuple[Panel, ...]:
    sli = slo.sli
    if sli.ratio:
        side, name = (sli.ratio.bad, "bad") if sli.ratio.bad else (sli.ratio.good, "good")
        return (
            Panel(
                f"{slo.name}: events",
                "How much traffic is there, and how much of it is " + name + "?",
                "timeseries",
                (Query(f"sum({_rate(sli.ratio.total)})", "all"), Query(f"sum({_rate(side)})", name)),
                "reqps",
                width=12,
                low=0,
                empty_ok="the service has had no such event",
            ),
        )
    if sli.latency:
        bucket = Selector(f"{sli.latency.histogram.metric}_bucket", sli.latency.histogram.matchers)
        below = sli.latency.below.total_seconds()
        return (
            Panel(
                f"{slo.name}: quantiles",
                f"How long do users wait? The promise is {format_duration(sli.latency.below)}.",
                "timeseries",
                tuple(
                    Query(f"histogram_quantile({q}, sum by (le) ({_rate(bucket)}))", f"p{q * 100:g}")
                    for q in (0.5, 0.95, 0.99)
                ),
                "s",
                width=12,
                thresholds=(Threshold(below, "red"),),
                base="green",
                low=0,
                empty_ok="no request was answered",
            ),
        )
    return ()


def _host(spec: ServiceSpec) -> tuple[Panel, ...]:
    if "host" not in spec.collect:
        return ()
    idle = f'sum(rate({m.HOST_CPU_SECONDS}{{mode="idle"}}[{RATE}]))'
    return (
        Panel(
            "CPU in use",
            "Is the processor full? Near 100 %: look at pressure beside it.",
            "timeseries",
            (Query(f"1 - {idle} / sum({m.HOST_CPUS})", "in use"),),
            "percentunit",
            low=0,
            high=1,
        ),
        Panel(
            "Memory in use",
            "Is memory full? Near 100 %: the kernel will kill a process.",
            "timeseries",
            (Query(f"1 - {m.HOST_MEMORY_AVAILABLE} / {m.HOST_MEMORY_SIZE}", "in use"),),
            "percentunit",
            low=0,
            high=1,
        ),
        Panel(
            "Pressure",
            "What share of time did some task wait for a resource? Rising: that resource is what is full.",
            "timeseries",
            (Query(f'rate({m.HOST_PRESSURE}{{stall="some"}}[{RATE}])', "{{resource}}"),),
            "percentunit",
            low=0,
            empty_ok="a kernel without pressure stall information",
        ),
        Panel(
            "Network",
            "How much goes over the wire?",
            "timeseries",
            (
                Query(f"sum(rate({m.HOST_NETWORK_RECEIVED}[{RATE}]))", "received"),
                Query(f"sum(rate({m.HOST_NETWORK_SENT}[{RATE}]))", "sent"),
            ),
            "Bps",
            low=0,
        ),
        Panel(
            "Disk busy",
            "What share of time had a disk something in flight?",
            "timeseries",
            (Query(f"rate({m.HOST_DISK_BUSY}[{RATE}])", "{{device}}"),),
            "percentunit",
            low=0,
            empty_ok="a host without block devices of its own",
        ),
        Panel(
            "Filesystems",
            "Which filesystem is nearly full?",
            "timeseries",
            (Query(f"1 - {m.HOST_FILESYSTEM_AVAILABLE} / {m.HOST_FILESYSTEM_SIZE}", "{{mountpoint}}"),),
            "percentunit",
            low=0,
            high=1,
        ),
    )


def _gpu(spec: ServiceSpec) -> tuple[Panel, ...]:
    if "gpu" not in spec.collect:
        return ()
    none = "a host without a GPU"
    return (
        Panel(
            "GPU lost",
            "Can the driver talk to every GPU? Lost: drain the host and reset the GPU.",
            "stat",
            (Query(f"sum(1 - {m.GPU_UP})"),),
            "none",
            thresholds=(Threshold(1, "red"),),
            base="green",
            empty_ok=none,
        ),
        Panel(
            "GPU in use",
            "Are the GPUs working? Idle while requests wait: look at the server's batching.",
            "timeseries",
            (Query(m.GPU_UTILIZATION, "{{gpu}}"),),
            "percentunit",
            low=0,
            high=1,
            empty_ok=none,
        ),
        Panel(
            "GPU memory",
            "Is GPU memory full?",
            "timeseries",
            (Query(f"{m.GPU_MEMORY_USED} / {m.GPU_MEMORY_SIZE}", "{{gpu}}"),),
            "percentunit",
            low=0,
            high=1,
            empty_ok=none,
        ),
    )


def _model(spec: ServiceSpec) -> tuple[Panel, ...]:
    signals = spec.signals.model_fields_set
    if not signals:
        return ()
    return (
        Panel(
            "Signals",
            "How far is the model's world from the one it was trained on? 0 is as trained.",
            "timeseries",
            (Query(_of(spec, m.SIGNAL_SCORE), "{{signal}}"),),
            "none",
            width=12,
            low=0,
            high=1,
            empty_ok="no window has closed with enough events",
        ),
        Panel(
            "Features that differ most",
            "Which inputs changed? Look at what feeds the first one.",
            "timeseries",
            (Query(f"topk(10, {_of(spec, m.SIGNAL_FEATURE_SCORE)})", "{{signal}}: {{feature}}"),),
            "none",
            width=12,
            low=0,
            high=1,
            empty_ok="no window has closed with enough events",
        ),
    )


def _response(spec: ServiceSpec) -> tuple[Panel, ...]:
    if not spec.runbooks:
        return ()
    return (
        Panel(
            "Runs of runbooks",
            "What did burnline do, and did it help? Anything but recovered needs a person.",
            "timeseries",
            (Query(f"increase({_of(spec, 'burnline_runbook_runs_total')}[{RATE}])", "{{runbook}}: {{outcome}}"),),
            "none",
            width=24,
            low=0,
            empty_ok="no runbook has run",
        ),
    )


def _trust(spec: ServiceSpec) -> tuple[Panel, ...]:
    return (
        Panel(
            "Collectors",
            "Which collectors read their source? 0: failing, see the reason in the console.",
            "timeseries",
            (Query(f'{m.COLLECTOR_SUCCESS}{{service=~"{spec.service}|"}}', "{{collector}}"),),
            "bool",
            low=0,
            high=1,
        ),
        Panel(
            "Inbox",
            "Does burnline keep up with what it accepted? New rows grow: it does not. Dead rows: somebody must look.",
            "timeseries",
            (Query(m.INBOX_ROWS, "{{kind}}: {{state}}"),),
            "none",
            low=0,
            empty_ok="the inbox is empty",
        ),
        Panel(
            "Failed turns",
            "Do burnline's own workers run? Above 0: see its log.",
            "timeseries",
            (Query(f"sum by (job) (rate(burnline_job_failures_total[{RATE}]))", "{{job}}"),),
            "none",
            low=0,
            empty_ok="no worker has ever failed",
        ),
    )


def _rate(selector: Selector | None) -> str:
    return f"rate({selector}[{RATE}])"
