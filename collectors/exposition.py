"""Turns of collectors as metric families for /metrics: what burnline measured, and how each collector fares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prometheus_client import Metric

from burnline import metrics
from burnline.events import Collection, Sample
from burnline.metrics.measured import HISTOGRAMS, kind_of
from burnline.metrics.register import MEASURED

_BUCKETS = re.compile("_(?:bucket|sum|count)$")


def families(latest: Iterable[Collection]) -> Iterator[Metric]:
    """Families for a prometheus_client collector.

    Of several turns of one collector the newest speaks, and the newest success gives the time of the last success.
    Only what burnline measured itself, or made of a page by its profile, is passed on, with the label `service` of
    whose it is; what it read on a service's own page belongs to that page.
    """
    newest: dict[tuple[str, str], Collection] = {}
    succeeded: dict[tuple[str, str], Collection] = {}
    for turn in sorted(latest, key=lambda turn: turn.at):
        key = (turn.service, turn.collector)
        newest[key] = turn
        if turn.ok:
            succeeded[key] = turn
    yield _family(
        metrics.COLLECTOR_DURATION,
        "Time the collector's last turn took.",
        {key: turn.duration_seconds for key, turn in newest.items()},
    )
    yield _family(
        metrics.COLLECTOR_SUCCESS,
        "1 when the collector's last turn succeeded; having nothing to read is a success.",
        {key: float(turn.ok) for key, turn in newest.items()},
    )
    yield _family(
        metrics.COLLECTOR_LAST_SUCCESS,
        "When the collector last succeeded.",
        {key: turn.at.timestamp() for key, turn in succeeded.items()},
    )
    yield from _measured(sample for turn in newest.values() for sample in _of_service(turn))


def _family(name: str, text: str, values: dict[tuple[str, str], float]) -> Metric:
    family = Metric(name, text, "gauge")
    for (service, collector), value in values.items():
        family.add_sample(name, {metrics.SERVICE: service, metrics.COLLECTOR: collector}, value)
    return family


def _of_service(turn: Collection) -> Iterator[Sample]:
    for sample in turn.samples:
        if not turn.measured and sample.name not in turn.made and _BUCKETS.sub("", sample.name) not in turn.made:
            continue
        labels = {metrics.SERVICE: turn.service, **sample.labels} if turn.service else sample.labels
        yield Sample(sample.name, labels, sample.value)


def _measured(samples: Iterable[Sample]) -> Iterator[Metric]:
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        histogram = _BUCKETS.sub("", sample.name)
        by_name.setdefault(histogram if histogram in HISTOGRAMS else sample.name, []).append(sample)
    for name, text in MEASURED.items():
        if name in by_name:
            family = Metric(name.removesuffix("_total"), text, kind_of(name))
            for sample in by_name[name]:
                family.add_sample(sample.name, dict(sample.labels), sample.value)
            yield family
