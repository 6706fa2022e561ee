"""A part of an SLI's events, or of a gauge's series: those with certain labels, such as one version's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from burnline.spec.selector import Matcher, Selector
from burnline.spec.sli import SliSpec


@dataclass(frozen=True)
class Slice:
    """What is read of one service: the events of `sli`, or the values of `gauge`; exactly one of the two is there."""

    service: str
    sli: SliSpec | None = None
    gauge: Selector | None = None

    @property
    def key(self) -> str:
        """What tells it from others."""
        return f"{self.service}:{self.gauge}" if self.sli is None else f"{self.service}:{self.sli.model_dump_json()}"


def with_labels(sli: SliSpec, labels: Mapping[str, str]) -> SliSpec:
    """The SLI of only those series that have these labels.

    Raises: ValueError for an SLI that is not made of counters: its series are not some version's.
    """
    more = matchers(labels)
    if sli.ratio is not None:
        sides = {name: getattr(sli.ratio, name) for name in ("bad", "good", "total")}
        narrowed = {name: narrow(side, more) for name, side in sides.items() if side is not None}
        return SliSpec(ratio=sli.ratio.model_copy(update=narrowed))
    if sli.latency is not None:
        return SliSpec(latency=sli.latency.model_copy(update={"histogram": narrow(sli.latency.histogram, more)}))
    raise ValueError(f"an SLI of kind {sli.kind} cannot be told apart by labels")


def matchers(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Each label exactly as it is."""
    return tuple(Matcher(label, "=", value) for label, value in labels.items())


def narrow(selector: Selector, more: Iterable[Matcher]) -> Selector:
    """The selector with further conditions."""
    return Selector(selector.metric, (*selector.matchers, *more))
