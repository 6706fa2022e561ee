"""The series that dashboards made for Sloth read, renamed from ours: `burnline build --layout sloth`.

Names and labels are those of Sloth's own generator (its golden `getting-started.yml`). The numbers are ours, which
weigh events and not time, and survive idle hours; a window of Sloth's that no tier of the SLO has is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from burnline.metrics import (
    SLO_BUDGET_REMAINING,
    SLO_EVENTS_OVER,
    SLO_EVENTS_WINDOW,
    WINDOW,
)
from burnline.slo.compiler.sli import BAD, EVENT, TOTAL
from burnline.slo.compiler.slo import Rule, Subject, record
from burnline.slo.promql import Aggregate, Binary, Call, Expr, Number
from burnline.spec.units import format_duration

DAY = timedelta(days=1)
CURRENT = timedelta(minutes=5)  # of slo:current_burn_rate:ratio
ERROR_RATE = "slo:sli_error:ratio_rate"


def sloth_series(of: Subject) -> list[Rule]:
    """Error ratios of every window, objective, budget, burn rates, and the info series."""
    labels = {"sloth_id": f"{of.service}-{of.name}", "sloth_service": of.service, "sloth_slo": of.name}
    windows = {format_duration(each): _over(of, each) for t1 in (True, False) for each in of.windows(in_t1=t1)}
    period = format_duration(of.promise.window)
    windows[period] = _share(of, SLO_EVENTS_WINDOW)
    current = windows.get(format_duration(CURRENT))
    return [
        *(_rate(window, expr, labels) for window, expr in windows.items()),
        record("slo:objective:ratio", _constant(of.promise.slo.objective), labels),
        record("slo:error_budget:ratio", _constant(of.budget), labels),
        record("slo:time_period:days", _constant(of.promise.window / DAY), labels),
        *([record("slo:current_burn_rate:ratio", _burning(current, of.budget), labels)] if current else []),
        record("slo:period_burn_rate:ratio", _burning(windows[period], of.budget), labels),
        record("slo:period_error_budget_remaining:ratio", _bare(of.recorded(SLO_BUDGET_REMAINING)), labels),
        record("sloth_slo_info", _constant(1), {**labels, **_info(of)}),
    ]


def _rate(window: str, expr: Expr, labels: Mapping[str, str]) -> Rule:
    return record(ERROR_RATE + window, expr, {**labels, "sloth_window": window})


def _over(of: Subject, length: timedelta) -> Expr:
    return _share(of, SLO_EVENTS_OVER, **{WINDOW: format_duration(length)})


def _share(of: Subject, metric: str, **labels: str) -> Expr:
    bad, total = (of.series(metric, **labels, **{EVENT: event}) for event in (BAD, TOTAL))
    return Binary("/", _bare(bad), _bare(Binary(">", total, Number(0))))


def _bare(expr: Expr) -> Expr:
    """Without our labels, which Sloth's dashboards do not know."""
    return Aggregate("max", expr)


def _burning(share: Expr, budget: float) -> Expr:
    return Binary("/", share, Number(budget))


def _constant(value: float) -> Expr:
    return Call("vector", (Number(value),))


def _info(of: Subject) -> dict[str, str]:
    return {
        "sloth_mode": "burnline",
        "sloth_objective": f"{of.promise.slo.objective * 100:.10g}",
        "sloth_spec": "burnline/v1",
        "sloth_version": "burnline",
    }
