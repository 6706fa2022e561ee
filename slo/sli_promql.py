"""T0 of the compiled rules: the bad and total events of one interval, counted from raw series in one expression.

The base is telescoping: with L the last value of a counter, an interval's increase is L - (L one interval ago); it is
L after a reset, and for a series born at a target that was already counted (a service's first errors are just such
series). Sums of such increases are exact, need no scrape interval and survive failed scrapes. Sums are taken after the
increase of each series: of summed counters, any restart would read as a reset of them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from burnline.metrics import SERVICE, SIGNAL, SIGNAL_BAD_EVENTS, SIGNAL_EVENTS
from burnline.slo.promql import MILLISECOND, Aggregate, Binary, Call, Expr, Number, Select, Text, series
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ScrapeSpec, ServiceSpec
from burnline.spec.sli import LatencySli, RatioSli, SliSpec, ThresholdSli

EVENT, BAD, TOTAL = "event", "bad", "total"
KINDS = ("ratio", "latency", "threshold", "signal")
TARGET = ("job", "instance")
RECORDED = {"job": ""}  # what was scraped has a job
DEFAULT_SCRAPE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often events are counted, and how far back a counter's last value may lie."""

    interval: timedelta
    lookback: timedelta
    fresh: timedelta  # without a sample for so long, the last value says nothing of now


def pace(spec: ServiceSpec, interval: timedelta) -> Pace:
    """The lookback is two intervals or eight scrapes, the longer: 2 minutes at 1m and 15s."""
    scrapes = [source.interval for source in spec.collect if isinstance(source, ScrapeSpec)]
    scrape = max(scrapes, default=DEFAULT_SCRAPE)
    return Pace(interval, max(2 * interval, 8 * scrape), max(interval, 2 * scrape) - MILLISECOND)


def events(service: str, sli: SliSpec, at: Pace) -> Expr:
    """Two elements, {event="bad"} and {event="total"}, or none at all: both come from one evaluation.

    Raises: ValueError for a kind of SLI that has no increments.
    """
    if sli.threshold is not None:
        return _named(*_threshold(sli.threshold, at))
    if sli.ratio is not None:
        bad, total, source = _ratio(sli.ratio, at)
    elif sli.latency is not None:
        bad, total, source = _latency(sli.latency, at)
    elif sli.signal is not None:
        bad, total, source = _signal(service, sli.signal, at)
    else:
        raise ValueError(f"an SLI of kind {sli.kind!r} is not supported yet in rules; write one of {', '.join(KINDS)}")
    seen = Aggregate("count", Call("last_over_time", (Select(source, over=at.fresh),)))
    return Binary("and", _named(bad, total), seen, on=())


def _ratio(sli: RatioSli, at: Pace) -> tuple[Expr, Expr, Selector]:
    total = _increase(sli.total, sli.total, at)
    if sli.bad is not None:
        return _or_zero(sli.bad, sli.total, at), total, sli.total
    good = sli.good or sli.total  # the spec has exactly one of `bad` and `good`
    return _rest(total, _or_zero(good, sli.total, at)), total, sli.total


def _signal(service: str, signal: str, at: Pace) -> tuple[Expr, Expr, Selector]:
    bad, total = (series(name, **{SERVICE: service, SIGNAL: signal}) for name in (SIGNAL_BAD_EVENTS, SIGNAL_EVENTS))
    return _or_zero(bad, total, at), _increase(total, total, at), total


def _latency(sli: LatencySli, at: Pace) -> tuple[Expr, Expr, Selector]:
    """A histogram without that bucket gives nothing, never "all bad" or "all good"."""
    name, matchers = sli.histogram.metric, sli.histogram.matchers
    count = Selector(f"{name}_count", matchers)
    fast = Selector(f"{name}_bucket", (*matchers, _bound(sli.below)))
    total = _increase(count, count, at)
    return _rest(total, _increase(fast, count, at)), total, fast


def _threshold(sli: ThresholdSli, at: Pace) -> tuple[Expr, Expr]:
    """One slice per interval, bad by the worst value in it; a gauge that is NaN throughout makes no slice."""
    gauge = Select(sli.gauge, over=at.fresh)
    highest, lowest = (Aggregate(op, Call(f"{op}_over_time", (gauge,))) for op in ("max", "min"))
    sides: list[Expr] = []
    if sli.above is not None:
        sides.append(Binary(">", highest, Number(sli.above), as_bool=True))
    if sli.below is not None:
        sides.append(Binary("<", lowest, Number(sli.below), as_bool=True))
    bad = sides[0] if len(sides) == 1 else Binary(">", Binary("+", sides[0], sides[1]), Number(0), as_bool=True)
    return bad, Binary(">=", highest, Number(float("-inf")), as_bool=True)


def _increase(selector: Selector, total: Selector, at: Pace) -> Expr:
    last, before = _last(selector, at), _last(selector, at, ago=at.interval)
    grown = Binary(">=", Binary("-", last, before), Number(0))
    since_zero = Binary("and", last, _last(total, at, ago=at.interval), on=TARGET)
    return Aggregate("sum", Binary("or", grown, since_zero))


def _or_zero(selector: Selector, total: Selector, at: Pace) -> Expr:
    """Zero where the total is known and this one has no series yet: no error has happened, which is not "no data"."""
    pairs = Aggregate("count", Binary("-", _last(total, at), _last(total, at, ago=at.interval)))
    return Binary("or", _increase(selector, total, at), Binary("*", Number(0), pairs))


def _rest(total: Expr, good: Expr) -> Expr:
    return Call("clamp_min", (Binary("-", total, good), Number(0)))


def _last(selector: Selector, at: Pace, *, ago: timedelta | None = None) -> Expr:
    return Call("last_over_time", (Select(selector, over=at.lookback, offset=ago),))


def _named(bad: Expr, total: Expr) -> Expr:
    bad, total = (
        Call("label_replace", (value, Text(EVENT), Text(event), Text(""), Text("")))
        for value, event in ((bad, BAD), (total, TOTAL))
    )
    return Binary("or", bad, total)


def _bound(below: timedelta) -> Matcher:
    """Clients write a whole bound as `1` or `1.0`; Prometheus 3 makes it `1.0`."""
    written = repr(below.total_seconds())
    if not written.endswith(".0"):
        return Matcher("le", "=", written)
    whole = written.removesuffix(".0")
    return Matcher("le", "=~", rf"{whole}|{whole}\.0")
