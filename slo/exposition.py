"""Statuses as Prometheus metrics, under the names the compiled rules use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from burnline import metrics
from burnline.events import SloState, SloStatus
from burnline.slo.policy import policy_of
from burnline.spec.service import ServiceSpec
from burnline.spec.units import format_duration

_PAIR = [metrics.SERVICE, metrics.SLO]


def families(statuses: Iterable[SloStatus]) -> Iterator[Metric]:
    """One metric family per fact. What is not known has no sample: never 0, never NaN."""
    objective = GaugeMetricFamily(metrics.SLO_OBJECTIVE, "The promised share of good events.", labels=_PAIR)
    sli = GaugeMetricFamily(
        metrics.SLO_SLI,
        "Good share of the events in each alert window, and in the SLO's own.",
        labels=[*_PAIR, metrics.WINDOW],
    )
    budget = GaugeMetricFamily(
        metrics.SLO_BUDGET_REMAINING, "Unspent share of the error budget; negative when overspent.", labels=_PAIR
    )
    exhaustion = GaugeMetricFamily(
        metrics.SLO_EXHAUSTION, "Seconds until the budget is gone at the present rate.", labels=_PAIR
    )
    burn = GaugeMetricFamily(
        metrics.SLO_BURN_RATE,
        "How many times faster than sustainable the budget is spent.",
        labels=[*_PAIR, metrics.WINDOW],
    )
    state = GaugeMetricFamily(metrics.SLO_STATE, "1 for the state the SLO is in.", labels=[*_PAIR, "state"])
    excluded = GaugeMetricFamily(metrics.SLO_EXCLUDED, "1 while nothing of the SLO counts: maintenance.", labels=_PAIR)
    for status in statuses:
        pair = [status.service, status.slo]
        objective.add_metric(pair, status.objective)
        for label, share in _shares(status).items():
            _add_known(sli, [*pair, label], share)
        _add_known(budget, pair, status.budget_remaining)
        _add_known(exhaustion, pair, None if status.exhausted_in is None else status.exhausted_in.total_seconds())
        for window, rate in _rates(status).items():
            _add_known(burn, [*pair, format_duration(window)], rate)
        for one in SloState:
            state.add_metric([*pair, one.value], float(one is status.state))
        excluded.add_metric(pair, float(bool(status.excluded)))
    yield from (objective, sli, budget, exhaustion, burn, state, excluded)


def _shares(status: SloStatus) -> dict[str, float | None]:
    """By window, as its label says; the SLO's own is `30d`, or `month` for any month."""
    shares: dict[str, float | None] = {}
    for burn in status.burns:
        shares[format_duration(burn.short_window)] = burn.short_sli
        shares[format_duration(burn.long_window)] = burn.long_sli
    shares[status.period.partition(" ")[0] or format_duration(status.window)] = status.sli
    return shares


def _rates(status: SloStatus) -> dict[timedelta, float | None]:
    """By window, once: the short window of one tier may be the long one of another."""
    rates: dict[timedelta, float | None] = {}
    for burn in status.burns:
        rates[burn.short_window] = burn.short_rate
    for burn in status.burns:
        rates[burn.long_window] = burn.long_rate
    return rates


def _add_known(family: GaugeMetricFamily, labels: list[str], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)


def policy_family(specs: Iterable[ServiceSpec], statuses: Sequence[SloStatus]) -> Metric:
    """1 for each step of an error-budget policy that is in force, 0 for the others."""
    family = GaugeMetricFamily(
        metrics.SLO_POLICY,
        "1 while the step of the error-budget policy is in force.",
        labels=[metrics.SERVICE, metrics.STEP],
    )
    for spec in specs:
        in_force = {step.do for step in policy_of(spec, statuses).steps}
        for step in spec.budget_policy:
            family.add_metric([spec.service, step.do], float(step.do in in_force))
    return family
