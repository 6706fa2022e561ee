"""The path of alerts on /metrics: who delivers, who can be asked, what was found, what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from burnline.alerting.reconcile import Reconciler
from burnline.metrics import ALERT_PATH_PROBLEM, ALERT_SOURCE_UP, LAST_DELIVERY, LAST_RECONCILED, RECONCILED


def deliveries(delivered: Mapping[str, datetime]) -> Metric:
    """When each Alertmanager last delivered, by the address it gives as its own."""
    family = GaugeMetricFamily(LAST_DELIVERY, "When this Alertmanager last delivered.", labels=["alertmanager"])
    for sender, at in list(delivered.items()):
        family.add_metric([sender], at.timestamp())
    return family


def families(reconciler: Reconciler, last: Mapping[str, datetime]) -> Iterator[Metric]:
    """`last`: when each place was last compared with what was received."""
    up = GaugeMetricFamily(ALERT_SOURCE_UP, "Whether it said what fires when it was last asked.", labels=["place"])
    compared = GaugeMetricFamily(LAST_RECONCILED, "When what fires there was last compared.", labels=["place"])
    for name, place in reconciler.places.found.items():
        if place.reachable is not None:
            up.add_metric([name], place.reachable)
        if name in last:
            compared.add_metric([name], last[name].timestamp())
    found = CounterMetricFamily(RECONCILED, "Alerts that no webhook told of.", labels=["found"])
    for kind, count in reconciler.found.items():
        found.add_metric([kind], count)
    wrong = GaugeMetricFamily(ALERT_PATH_PROBLEM, "1 while alerts may be lost.", labels=["place", "problem"])
    for name, problems in reconciler.problems().items():
        for kind in problems:
            wrong.add_metric([name, kind], 1)
    yield from (up, compared, found, wrong)
