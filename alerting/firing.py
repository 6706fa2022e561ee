"""What fires, and what fired, by a Prometheus: its series ALERTS, under the labels that Alertmanager gets to see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import yaml

from burnline.alerting.relabel import Relabelling, relabelling
from burnline.alerting.source import Source
from burnline.alerting.webhook import fingerprint
from burnline.errors import SourceError
from burnline.slo.promql import quote
from burnline.spec.units import format_duration

FIRING = 'ALERTS{alertstate="firing"}'
OWN = ("__name__", "alertstate")  # labels of the series, not of the alert
NAMES = 100  # in one question: a longer one would not fit into an address
Kind = Literal["vector", "matrix"]
Labels = dict[str, str]
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Span:
    """One alert's firing as evaluations saw it: from the first of them to the last."""

    labels: Mapping[str, str]
    first: datetime
    last: datetime


class PrometheusAlerts(Source):
    """The alerts of one Prometheus; every answer is by fingerprint."""

    def config(self) -> Any:
        """Its configuration, decoded.

        Raises: SourceError.
        """
        told = self.get("/api/v1/status/config")
        try:
            return yaml.load(told["data"]["yaml"], LOADER)  # noqa: S506 - a safe loader, in C where there is one
        except (yaml.YAMLError, TypeError, LookupError, AttributeError, ValueError) as error:
            raise SourceError(f"{self.place}: its configuration cannot be read: {error}") from error

    def relabelling(self) -> Relabelling:
        """How it changes alerts on the way to Alertmanager.

        Raises: SourceError.
        """
        return relabelling(self.config())

    def firing(self, sent: Relabelling) -> dict[str, Labels]:
        """What fires now.

        Raises: SourceError.
        """
        return _by_fingerprint(sent, self._ask(FIRING, "vector"))

    def fired(self, sent: Relabelling, window: timedelta) -> dict[str, Labels]:
        """What fired at any time in the last `window`.

        Raises: SourceError.
        """
        over = f"max_over_time({FIRING}[{format_duration(window)}])"
        return _by_fingerprint(sent, self._ask(over, "vector"))

    def spans(self, sent: Relabelling, names: Sequence[str], window: timedelta) -> dict[str, Span]:
        """When alerts of these names fired in the last `window`.

        Raises: SourceError.
        """
        found: dict[str, Span] = {}
        for n in range(0, len(names), NAMES):
            one_of = quote("|".join(map(re.escape, names[n : n + NAMES])))
            which = f'ALERTS{{alertstate="firing",alertname=~{one_of}}}[{format_duration(window)}]'
            for mark, labels, told in _sent(sent, self._ask(which, "matrix")):
                found[mark] = Span(labels, _moment(told["values"][0]), _moment(told["values"][-1]))
        return found

    def _ask(self, query: str, kind: Kind) -> list[Any]:
        told = self.get("/api/v1/query", {"query": query})
        data = told.get("data") if isinstance(told, dict) else None
        if not isinstance(data, dict) or data.get("resultType") != kind or not isinstance(data.get("result"), list):
            raise SourceError(f"{self.place}: the answer to {query} is no {kind}")
        if told.get("warnings"):  # a part of what it asks did not answer: what is missing need not have ended
            raise SourceError(f"{self.place}: {told['warnings']}")
        return list(data["result"])


def _by_fingerprint(sent: Relabelling, elements: Sequence[Any]) -> dict[str, Labels]:
    return {mark: labels for mark, labels, _ in _sent(sent, elements)}


def _sent(sent: Relabelling, elements: Sequence[Any]) -> Iterator[tuple[str, Labels, Any]]:
    """Each element with its labels as sent, and their fingerprint; what is not sent is left out.

    Raises: SourceError.
    """
    try:
        for each in elements:
            own = {str(name): str(value) for name, value in each["metric"].items() if name not in OWN}
            if (labels := sent.sent(own)) is not None:
                yield fingerprint(labels), labels, each
    except (TypeError, LookupError, AttributeError, ValueError, OverflowError) as error:
        raise SourceError(f"Prometheus gave no series: {error}") from error


def _moment(sample: Any) -> datetime:
    return datetime.fromtimestamp(float(sample[0]), UTC)
