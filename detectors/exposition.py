"""The signals as Prometheus metric families."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from burnline import metrics
from burnline.detectors.engine import DetectorEngine
from burnline.events import Verdict


def exposition(engine: DetectorEngine) -> Iterator[Metric]:
    """What /metrics shows of every signal; one without data has no score and no alarm, not a 0."""
    labels = [metrics.SERVICE, metrics.SIGNAL]
    score = GaugeMetricFamily(
        metrics.SIGNAL_SCORE, "Effect beyond chance in the last window; 0 is best.", labels=labels
    )
    alarm = GaugeMetricFamily(metrics.SIGNAL_ALARM, "1 while the last window is in alarm.", labels=labels)
    feature = GaugeMetricFamily(
        metrics.SIGNAL_FEATURE_SCORE, "The worst features of the last window.", labels=[*labels, metrics.FEATURE]
    )
    for found in engine.latest():
        key = [found.service, found.signal]
        if found.verdict is not Verdict.NO_DATA:
            alarm.add_metric(key, float(found.verdict is Verdict.ALARM))
        if found.score is None:  # also of an alarm that goes on in a window too small to have one
            continue
        score.add_metric(key, found.score)
        for one in found.contributors:
            feature.add_metric([*key, one.feature], one.score)
    yield from (score, alarm, feature, *_parts(engine))
    events = CounterMetricFamily(metrics.SIGNAL_EVENTS, "Events in judged windows.", labels=labels)
    bad = CounterMetricFamily(metrics.SIGNAL_BAD_EVENTS, "Bad events in judged windows.", labels=labels)
    for pair, counts in engine.counters().items():
        events.add_metric(list(pair), counts.total)
        bad.add_metric(list(pair), counts.bad)
    yield from (events, bad)


def _parts(engine: DetectorEngine) -> tuple[Metric, Metric]:
    """Versions and slices have names of their own: a sum or maximum over a signal's series counts nothing twice."""
    labels = [metrics.SERVICE, metrics.SIGNAL, metrics.PART]
    score = GaugeMetricFamily(
        metrics.SIGNAL_PART_SCORE, "Effect beyond chance in the last window of a version or slice.", labels=labels
    )
    alarm = GaugeMetricFamily(
        metrics.SIGNAL_PART_ALARM, "1 while the last window of a version or slice is in alarm.", labels=labels
    )
    for found in engine.latest_parts():
        key = [found.service, found.signal, found.part]
        if found.verdict is not Verdict.NO_DATA:
            alarm.add_metric(key, float(found.verdict is Verdict.ALARM))
        if found.score is not None:
            score.add_metric(key, found.score)
    return score, alarm
