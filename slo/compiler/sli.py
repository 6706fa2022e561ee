"""T0 of the compiled rules: the bad and total events of one interval, counted from raw series in one expression.

The base is telescoping: an interval's increase is a counter's value now less the value at the last evaluation that saw
it; it is the whole value after a reset, and for a series born at a target that was already counted (a service's first
errors are just such series) and not seen there before. Sums of such increases are exact, need no scrape interval and
survive failed scrapes. Sums are taken after the increase of each series: of summed counters, any restart would read as
a reset of them all.

No range of raw counters is read: a few single values per series and evaluation, whatever the scrape interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from burnline.metrics import SERVICE, SIGNAL, SIGNAL_BAD_EVENTS, SIGNAL_EVENTS
from burnline.slo.promql import MILLISECOND, Aggregate, Binary, Call, Expr, Number, Raw, Select, Subquery, Text, series
from burnline.spec.collect import ScrapeSpec
from burnline.spec.expression import with_window
from burnline.spec.selector import Matcher, Selector
from burnline.spec.service import ServiceSpec
from burnline.spec.sli import FreshnessSli, LatencySli, PromqlSli, RatioSli, SliSpec, ThresholdSli
from burnline.spec.units import format_duration

EVENT, BAD, TOTAL = "event", "bad", "total"
TARGET = ("job", "instance")
RECORDED = {"job": ""}  # what was scraped has a job
DEFAULT_SCRAPE = timedelta(seconds=15)
SCRAPES_MISSED = 8
LONGEST_GAP = timedelta(minutes=2)
HIDDEN = tuple(timedelta(minutes=minutes) for minutes in (3, 8, 18, 38, 68))  # where a hidden series is looked for
TIME = Call("time", ())
NOTHING = Number(float("-inf"))


@dataclass(frozen=True, slots=True)
class Pace:
    """How often events are counted and scraped, and where a counter's last value may lie.

    Attributes:
        before: offsets at which the last value is looked for, nearest first.
        fresh: without a sample for so long, nothing is known of now.
    """

    interval: timedelta
    scrape: timedelta
    before: tuple[timedelta, ...]
    fresh: timedelta


def pace(spec: ServiceSpec, interval: timedelta) -> Pace:
    """A gap of two intervals or eight scrapes, the longer, loses nothing; at more than 2 minutes, of two intervals.

    A series that failed a scrape is stale until the next one, so every evaluation in the gap finds nothing, and the
    last one before it has what was counted: each step back is an interval, or nearly a scrape if that is longer.
    """
    scrapes = [source.interval for source in spec.collect if isinstance(source, ScrapeSpec)]
    scrape = max(scrapes, default=DEFAULT_SCRAPE)
    gap = max(2 * interval, min(SCRAPES_MISSED * scrape, LONGEST_GAP))
    step = max(interval, (scrape - interval) // interval * interval)
    before = tuple(interval + number * step for number in range(-(-gap // step) + 1))
    return Pace(interval, scrape, before, max(interval, 2 * scrape) - MILLISECOND)


def events(service: str, sli: SliSpec, at: Pace) -> Expr:
    """Two elements, {event="bad"} and {event="total"}, or none at all: both come from one evaluation.

    Raises: ValueError for a kind of SLI that is made of other SLOs, or of slices of time.
    """
    if sli.ratio is not None:
        return _counted(*_ratio(sli.ratio, at), at)
    if sli.latency is not None:
        return _counted(*_latency(sli.latency, at), at)
    if sli.signal is not None:
        return _counted(*_signal(service, sli.signal, at), at)
    if sli.threshold is not None:
        return named(*_threshold(sli.threshold, at))
    if sli.freshness is not None:
        return named(*_freshness(sli.freshness, at))
    if sli.promql is not None:
        return named(*_promql(sli.promql, at))
    raise ValueError(f"an SLI of kind {sli.kind!r} has no events of its own")


def grown(counter: Selector, at: Pace, by: tuple[str, ...]) -> Expr:
    """What counters grew by, summed by some labels."""
    return Aggregate("sum", _grown(counter, counter, at), by=by)


def counted(counter: Selector, at: Pace) -> Expr:
    """What a counter grew by, without labels; nothing while it is not scraped."""
    return Binary("and", _increase(counter, counter, at), _seen(counter, at), on=())


def named(bad: Expr, total: Expr) -> Expr:
    """Both events, told apart by their label."""
    return Binary("or", labelled(bad, EVENT, BAD), labelled(total, EVENT, TOTAL))


def labelled(of: Expr, label: str, value: str) -> Expr:
    """`of` with this label."""
    return Call("label_replace", (of, Text(label), Text(value), Text(""), Text("")))


def _counted(bad: Expr, total: Expr, source: Selector, at: Pace) -> Expr:
    return Binary("and", named(bad, total), _seen(source, at), on=())


def _seen(source: Selector, at: Pace) -> Expr:
    since = Binary("-", TIME, Number(at.fresh.total_seconds()))
    return Aggregate("count", Binary(">", Call("timestamp", (Select(source),)), since))


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
    """One slice per interval; a gauge that is NaN throughout makes no slice."""
    gauge = Select(sli.gauge, over=at.fresh)
    highest = Aggregate("max", Call("max_over_time", (gauge,)))
    total = Binary(">=", highest, NOTHING, as_bool=True)
    if sli.share:
        looks = Subquery(_beyond(sli, *_known_extremes(sli.gauge)), at.interval - MILLISECOND, _look(at))
        share = Call("avg_over_time", (looks,))
        return Binary(">=", share, Number(sli.share), as_bool=True), Binary("and", total, share)
    lowest = Aggregate("min", Call("min_over_time", (gauge,)))
    return _beyond(sli, highest, lowest), total


def _known_extremes(gauge: Selector) -> tuple[Expr, Expr]:
    highest, lowest = (Aggregate(op, Select(gauge)) for op in ("max", "min"))
    return Binary(">=", highest, NOTHING), Binary(">=", lowest, NOTHING)  # NaN is nothing


def _beyond(sli: ThresholdSli, highest: Expr, lowest: Expr) -> Expr:
    sides: list[Expr] = []
    if sli.above is not None:
        sides.append(Binary(">", highest, Number(sli.above), as_bool=True))
    if sli.below is not None:
        sides.append(Binary("<", lowest, Number(sli.below), as_bool=True))
    return sides[0] if len(sides) == 1 else Binary(">", Binary("+", sides[0], sides[1]), Number(0), as_bool=True)


def _freshness(sli: FreshnessSli, at: Pace) -> tuple[Expr, Expr]:
    """One slice per interval, bad when at any look in it the oldest series was too old."""
    oldest = Binary("-", TIME, Aggregate("min", Select(sli.timestamp)))
    looks = Subquery(oldest, at.interval - MILLISECOND, _look(at))
    bad = Binary(">", Call("max_over_time", (looks,)), Number(sli.max_age.total_seconds()), as_bool=True)
    total = Binary(">", _seen(sli.timestamp, at), Number(0), as_bool=True)
    return Binary("and", bad, total), Binary("and", total, bad)


def _look(at: Pace) -> timedelta:
    return min(at.scrape, at.interval)


def _promql(sli: PromqlSli, at: Pace) -> tuple[Expr, Expr]:
    """Rates over one interval and one scrape, times the interval: each gap between scrapes is counted once."""
    window = format_duration(at.interval + at.scrape)

    def number(written: str) -> Expr:
        rate = Aggregate("sum", Raw(with_window(written, window)))
        return Binary("*", rate, Number(at.interval.total_seconds()))

    if sli.error_ratio is not None:
        return _error_ratio(Aggregate("max", Raw(with_window(sli.error_ratio, window))))
    total = number(sli.total or "")
    some = Binary(">=", total, Number(0))  # NaN is no number of events
    if sli.bad is not None:
        return Binary("or", Binary(">=", number(sli.bad), Number(0)), Binary("*", Number(0), some)), some
    good = Binary("or", Binary(">=", number(sli.good or ""), Number(0)), Binary("*", Number(0), some))
    return _rest(some, good), some


def _error_ratio(ratio: Expr) -> tuple[Expr, Expr]:
    """One event per interval, bad in part; NaN, as in 0 / 0, is an interval without events."""
    total = Binary(">=", ratio, NOTHING, as_bool=True)
    share = Call("clamp_max", (Call("clamp_min", (ratio, Number(0))), Number(1)))
    return Binary("or", Binary(">=", share, Number(0)), Binary("*", Number(0), total)), total


def _increase(selector: Selector, total: Selector, at: Pace) -> Expr:
    return Aggregate("sum", _grown(selector, total, at))


def _grown(selector: Selector, total: Selector, at: Pace) -> Expr:
    """What each series grew by."""
    last = Select(selector)
    more = Binary(">=", Binary("-", last, _before(selector, at)), Number(0))
    since_zero = Binary("and", last, _before(total, at), on=TARGET)
    if selector == total:
        return Binary("or", more, since_zero)
    # A series that its target hid for a while and shows again was not born: counted whole, it would page for nothing.
    born = Binary("unless", since_zero, _any(selector, [at.before[-1] + hidden for hidden in HIDDEN]))
    restarted = Binary("and", last, _before(selector, at))
    return Binary("or", Binary("or", more, restarted), born)


def _or_zero(selector: Selector, total: Selector, at: Pace) -> Expr:
    """Zero where the total is counted and this one has no series yet: no error has happened, which is not "no data"."""
    counted = Aggregate("count", Binary("and", Select(total), _before(total, at), on=TARGET))
    return Binary("or", _increase(selector, total, at), Binary("*", Number(0), counted))


def _before(selector: Selector, at: Pace) -> Expr:
    """The value at the last evaluation that found one."""
    return _any(selector, at.before)


def _any(selector: Selector, offsets: Sequence[timedelta]) -> Expr:
    nearest, *further = (Select(selector, offset=offset) for offset in offsets)
    found: Expr = nearest
    for each in further:
        found = Binary("or", found, each)
    return found


def _rest(total: Expr, good: Expr) -> Expr:
    return Call("clamp_min", (Binary("-", total, good), Number(0)))


def _bound(below: timedelta) -> Matcher:
    """Clients write a whole bound as `1` or `1.0`; Prometheus 3 makes it `1.0`."""
    written = repr(below.total_seconds())
    if not written.endswith(".0"):
        return Matcher("le", "=", written)
    whole = written.removesuffix(".0")
    return Matcher("le", "=~", rf"{whole}|{whole}\.0")
