"""Bad and total events of a signal over any stretch of time, judged anew from what was counted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection

from burnline.detectors.build import build_detectors
from burnline.detectors.burn.history import Key, SketchHistory, Span
from burnline.detectors.burn.ladder import Ladder, ladder
from burnline.detectors.contract import Detector
from burnline.detectors.profile import load_reference
from burnline.errors import SpecError
from burnline.events import Counts, Verdict
from burnline.spec.service import ServiceSpec

log = logging.getLogger(__name__)

CALENDAR_DAYS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}


class Recounter:
    """Counts anew the signals whose bad events do not add up; an SLO engine asks.

    Args:
        detector: who judges a signal at present; None while its reference cannot be read.
    """

    def __init__(self, history: SketchHistory, detector: Callable[[Key], Detector | None]) -> None:
        self._history = history
        self._detector = detector

    def recounts(self, service: str, signal: str) -> bool:
        """Whether this signal's bad events do not add up."""
        return (service, signal) in self._history

    def count(
        self, service: str, signal: str, since: datetime, until: datetime, without: Sequence[Span] = ()
    ) -> Counts | None:
        """Bad and total events of (since, until] but for some spans in order; None where nothing can be said.

        That is so without events, with fewer than the detector needs, and with counts against another reference.
        """
        key = (service, signal)
        detector = self._detector(key)
        sketch = self._history.over(key, since, until, without) if detector else None
        if detector is None or sketch is None or sketch.of != detector.empty().of:
            return None
        try:
            said = detector.judge(sketch)
        except Exception:  # one detector must not stop the SLOs
            log.exception("window not judged", extra={"service": service, "signal": signal})
            return None
        return None if said.verdict is Verdict.NO_DATA or not said.counts.total else said.counts


def kept_recounter(tx: Connection, specs: Sequence[ServiceSpec]) -> Recounter:
    """As the engine's own, from what a database holds: for reports."""
    history = SketchHistory(ladders(specs))
    history.load(tx)
    by_name = {spec.service: spec for spec in specs}

    @cache
    def detectors(service: str) -> Mapping[str, Detector]:
        spec = by_name[service]
        if spec.model is None or spec.model.reference is None:
            return {}
        try:
            return build_detectors(spec, load_reference(spec.model.reference))
        except SpecError:
            return {}

    return Recounter(history, lambda key: detectors(key[0]).get(key[1]))


def ladders(specs: Sequence[ServiceSpec]) -> dict[Key, Ladder]:
    """The tiles that each service's signals need, of those whose bad events do not add up."""
    return {
        (spec.service, signal): ladder(section.window, _longest(spec))
        for spec in specs
        for signal, section in spec.signals.sections().items()
        if section.anew
    }


def _longest(spec: ServiceSpec) -> timedelta:
    """The longest period of a service's SLOs."""
    periods = (
        slo.window if isinstance(slo.window, timedelta) else timedelta(days=CALENDAR_DAYS[slo.window.calendar])
        for slo in spec.slos
    )
    return max(periods, default=timedelta(0))
