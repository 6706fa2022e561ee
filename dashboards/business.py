"""What the business sees of a service: its own numbers, and what it costs."""

from __future__ import annotations

from dataclasses import replace

from burnline.dashboards.asking import HOUR, rate, value
from burnline.dashboards.given import shown
from burnline.dashboards.jobs import DAY
from burnline.dashboards.panels import RATE, Panel, Query
from burnline.metrics import SERVICE, cost
from burnline.metrics.business import selector_of
from burnline.spec.business import NumberSpec
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec


def _over_a_day(query: Query) -> Query:
    """Of what is told once a run ends: over the minute of $__rate_interval its line would be a spike."""
    return replace(query, expr=query.expr.replace(RATE, DAY))


COST = (
    Panel(
        "Cost per hour ({currency})",
        "What do the GPUs cost, and how much of it is for idle ones? Idle grows: take machines away.",
        (
            rate(cost.SPENT, legend="all", times=HOUR),
            rate(cost.IDLE, legend="idle", times=HOUR),
            _over_a_day(rate(cost.TRAINING, "job", legend="{{job}}, on average of a day", times=HOUR)),
            rate(cost.SAVED, legend="saved by the cache", times=HOUR),
        ),
        empty_ok="it is not known how many GPUs serve",
    ),
    Panel(
        "Cost of one unit ({currency})",
        "What does one request (or token, or user) cost? Rising at the same traffic: look at batching and retries.",
        (value(cost.UNIT, "per", legend="{{per}}"),),
        empty_ok="there was nothing to divide by",
    ),
    Panel(
        "GPUs that are paid for",
        "How many GPUs does this cost stand for? Another number than you run: write it as `cost.gpus`.",
        (rate(cost.GPU_SECONDS, legend="GPUs"),),
        empty_ok="it is not known how many GPUs serve",
    ),
)


def business(spec: ServiceSpec) -> tuple[Panel, ...]:
    """One panel for each number, and those of the cost."""
    return (*(_number(spec, *each) for each in spec.business.items()), *_cost(spec))


def _number(spec: ServiceSpec, name: str, number: NumberSpec) -> Panel:
    unit = f" ({number.unit})" if number.unit else ""
    about = number.about or f"How is {name} doing? Compare with the releases and the alerts of the same time."
    query, title = _query(spec, name, number), f"{name}{unit} per second" if number.grows else f"{name}{unit}"
    return Panel(
        title,
        about,
        (query,),
        "percentunit" if number.ratio else "none",
        low=None,
        empty_ok="nothing was posted or exposed",
    )


def _query(spec: ServiceSpec, name: str, number: NumberSpec) -> Query:
    if number.ratio is not None:
        side, total = number.ratio.bad or number.ratio.good, number.ratio.total
        return Query(f"sum(rate({side}[{RATE}])) / sum(rate({total}[{RATE}]))", name)
    selector = selector_of(name, number)
    assert selector is not None  # noqa: S101 - only a ratio has none
    if number.posted:
        selector = Selector(selector.metric, (*selector.matchers, Matcher(SERVICE, "=", spec.service)))
    return Query(f"sum(rate({selector}[{RATE}]))" if number.grows else f"sum({selector})", name)


def _cost(spec: ServiceSpec) -> tuple[Panel, ...]:
    if spec.cost is None:
        return ()
    currency = spec.cost.gpu_hour.currency
    return shown((replace(panel, title=panel.title.format(currency=currency)) for panel in COST), spec)
