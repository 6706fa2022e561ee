"""What can be promised on a page of a known engine: SLOs on series that are there, at bounds that are there."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from burnline.collectors.page import parse_page
from burnline.collectors.profiles.model import Latency, Limit, Profile, Ratio
from burnline.collectors.profiles.reading import BUCKET, Lack, lacks, own_series
from burnline.events import Sample
from burnline.spec.selector import Selector
from burnline.spec.units import format_duration, parse_ratio

SHOWN_BOUNDS = 24
WINDOW = "30d"
LIMIT_OBJECTIVE = "95%"
VERSION_LABELS = ("model_version", "version", "revision")
_MODEL_INFO = re.compile(r"[a-zA-Z0-9_:]*model[a-zA-Z0-9_:]*_info")
_PLAIN = re.compile(r"[\w./:@-]{1,100}")


@dataclass(frozen=True, slots=True)
class Promise:
    """One SLO to write down; `why` are its comments."""

    name: str
    objective: str
    window: str
    sli: dict[str, Any]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """All that can be written down for a page.

    Attributes:
        left_out: what could not be promised, and why.
        lacks: burnline's own series that the page does not give.
        version: the info series that tells the model's version, as {metric, label}; empty when there is none.
        model: the model's name as the page has it; empty when it tells none, or several.
        bounds: of histograms that have others than the engine begins with, in the page's unit.
    """

    promises: tuple[Promise, ...]
    left_out: tuple[str, ...]
    lacks: tuple[Lack, ...]
    version: Mapping[str, str]
    model: str
    bounds: Mapping[str, tuple[float, ...]]


def offer(profile: Profile, page: str, families: Iterable[str], *, collector: str) -> Offer:
    """Read the page and see what can be promised on it.

    Raises: ValueError when the page is not the text format, or too large.
    """
    infos = [name for name in families if _MODEL_INFO.fullmatch(name)][:20]
    samples = list(parse_page(page, _needed(profile) | frozenset(infos)))
    there = [*samples, *own_series(profile, samples, collector=collector)]
    ratios = _first([(each.name, _ratio(each, there)) for each in profile.availability])
    latencies = _first([(each.name, _latency(each, there)) for each in profile.latency])
    limits = _first([(each.name, _limit(each, there)) for each in profile.full])
    left_out = []
    if "availability" not in {promise.name for promise in ratios}:
        left_out.append(f"availability: {profile.no_availability or 'the page has nothing to count it by'}")
    if not latencies:
        left_out.append(f"latency: {profile.no_latency or 'the page has no histogram of durations'}")
    return Offer(
        promises=(*ratios, *latencies, *limits),
        left_out=tuple(left_out),
        lacks=lacks(profile, page, samples),
        version=_version(samples, infos),
        model=_model(profile, samples),
        bounds=dict(_changed_bounds(profile, samples)),
    )


def _needed(profile: Profile) -> frozenset[str]:
    ratios = (selector.metric for each in profile.availability for selector in (each.bad, each.total))
    gauges = (each.gauge.metric for each in profile.full)
    return profile.names | {*ratios, *gauges, *(each.histogram.metric for each in profile.latency)}


def _first(found: Sequence[tuple[str, Promise | None]]) -> tuple[Promise, ...]:
    """Of each name the first that the page allows."""
    chosen: dict[str, Promise] = {}
    for name, promise in found:
        if promise is not None:
            chosen.setdefault(name, promise)
    return tuple(chosen.values())


def _ratio(ratio: Ratio, there: Sequence[Sample]) -> Promise | None:
    total, bad = _values(ratio.total, there), _values(ratio.bad, there)
    tells = bad or ratio.begins_later or _tells(ratio.bad, there)
    if not total or not tells:
        return None
    so_far = f"counted so far: {sum(bad):,.0f} of {sum(total):,.0f} were bad"
    sli = {"ratio": {"bad": str(ratio.bad), "total": str(ratio.total)}}
    return Promise(ratio.name, "99.9%", WINDOW, sli, (ratio.why, so_far))


def _values(selector: Selector, there: Iterable[Sample]) -> list[float]:
    return [sample.value for sample in there if selector.matches(sample.name, sample.labels)]


def _tells(selector: Selector, there: Iterable[Sample]) -> bool:
    """Whether the metric is there with the labels it is chosen by, though nothing bad has happened yet."""
    named = (sample for sample in there if sample.name == selector.metric)
    return any(all(matcher.label in sample.labels for matcher in selector.matchers) for sample in named)


def _latency(latency: Latency, there: Sequence[Sample]) -> Promise | None:
    histogram = Selector(latency.on) if latency.on else latency.histogram
    if not _counts(latency.histogram, there):
        return None
    counts = _counts(histogram, there)
    bounds = sorted(bound for bound in counts if bound < math.inf and timedelta(seconds=bound))
    if not bounds:
        return None
    below = next((bound for bound in bounds if bound >= latency.below * (1 - 1e-9)), bounds[-1])
    sli = {"latency": {"histogram": str(histogram), "below": _duration(below)}}
    why = (
        latency.why,
        f"bounds on the page: {_shown(bounds)} s",
        _so_far(counts, below, parse_ratio(latency.objective)),
    )
    return Promise(latency.name, latency.objective, WINDOW, sli, tuple(line for line in why if line))


def _counts(histogram: Selector, there: Iterable[Sample]) -> dict[float, float]:
    """Events up to each bound, of all series together."""
    counts: dict[float, float] = {}
    for sample in there:
        if sample.name == histogram.metric + BUCKET and histogram.matches(histogram.metric, sample.labels):
            try:
                bound = float(sample.labels.get("le", ""))
            except ValueError:
                continue
            counts[bound] = counts.get(bound, 0.0) + sample.value
    return counts


def _shown(bounds: Sequence[float]) -> str:
    written = [f"{bound:.10g}" for bound in bounds]
    return ", ".join(written[:SHOWN_BOUNDS]) + (", ..." if len(written) > SHOWN_BOUNDS else "")


def _duration(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


def _so_far(counts: Mapping[float, float], below: float, share: float) -> str:
    total = counts.get(math.inf, 0.0)
    if total <= 0:
        return ""
    said = f"counted so far: {counts[below] / total:.1%} of {total:,.0f} were faster"
    kept = next((b for b in sorted(counts) if below < b < math.inf and counts[b] >= share * total), None)
    if counts[below] >= share * total:
        return said
    return f"{said}, fewer than promised" + (f"; the promise would be kept at {_duration(kept)}" if kept else "")


def _limit(limit: Limit, there: Sequence[Sample]) -> Promise | None:
    values = _values(limit.gauge, there)
    if not values:
        return None
    above = int(limit.above) if limit.above.is_integer() else limit.above
    sli = {"threshold": {"gauge": str(limit.gauge), "above": above}}
    why = (f"above {limit.above:g}: {limit.why}", f"now: {max(values):g}")
    return Promise(limit.name, LIMIT_OBJECTIVE, WINDOW, sli, why)


def _changed_bounds(profile: Profile, samples: Sequence[Sample]) -> Iterator[tuple[str, tuple[float, ...]]]:
    for metric, sources in profile.histograms().items():
        known = next((source.bounds for source in sources if source.bounds and metric in source.names), ())
        bounds = sorted(bound for bound in _counts(Selector(metric), samples) if bound < math.inf)
        if known and bounds and [f"{bound:.9g}" for bound in bounds] != [f"{bound:.9g}" for bound in known]:
            yield metric, tuple(bounds)


def _version(samples: Iterable[Sample], infos: Iterable[str]) -> Mapping[str, str]:
    """The first info series about a model, of value 1, whose label has one value on the whole page."""
    found = list(samples)
    for metric in infos:
        for label in VERSION_LABELS:
            series = [sample for sample in found if sample.name == metric and sample.labels.get(label)]
            if series and all(sample.value == 1 for sample in series) and len({s.labels[label] for s in series}) == 1:
                return {"metric": metric, "label": label}
    return {}


def _model(profile: Profile, samples: Iterable[Sample]) -> str:
    theirs = [label for label, ours in profile.labels.items() if ours == "model"]
    names = {sample.labels[label] for sample in samples for label in theirs if sample.labels.get(label)}
    name = next(iter(names)) if len(names) == 1 else ""
    return name if _PLAIN.fullmatch(name) else ""
