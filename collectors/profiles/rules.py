"""Serving engines under one set of names where a Prometheus scrapes them itself: rules made of the profiles.

    serving:running_requests = sum by (job, instance, model) (vllm's), or SGLang's, or ...

Each keeps `job` and `instance` of its scrape, so that a counter of one replica that begins anew is seen as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from burnline.collectors.profiles.model import Profile, Source
from burnline.collectors.profiles.reading import BUCKET, go_number
from burnline.metrics.measured import HISTOGRAMS
from burnline.metrics.serving import PREFIX

GROUP = "burnline/serving"
RECORDED = "serving:"
TARGET = ("job", "instance")


def recorded(name: str) -> str:
    """Under which name the series `name` of burnline is recorded.

    >>> recorded("burnline_serving_running_requests")
    'serving:running_requests'
    """
    return RECORDED + name.removeprefix(PREFIX)


def serving_rules(profiles: Mapping[str, Profile]) -> list[dict[str, Any]]:
    """One group of recording rules: a rule for each quantity of any of the profiles, and three for a histogram."""
    names = dict.fromkeys(
        name for profile in profiles.values() for name in profile.quantities if name.startswith(PREFIX)
    )
    rules = [rule for name in names for rule in _rules(name, list(profiles.values()))]
    return [{"name": GROUP, "rules": rules}] if rules else []


def _rules(name: str, profiles: Sequence[Profile]) -> Iterator[dict[str, str]]:
    for suffix in (BUCKET, "_sum", "_count") if name in HISTOGRAMS else ("",):
        found = [_alternatives(name, suffix, profile) for profile in profiles if name in profile.quantities]
        known = [expr for expr in found if expr]
        if known:
            yield {"record": recorded(name) + suffix, "expr": "\nor\n".join(known)}


def _alternatives(name: str, suffix: str, profile: Profile) -> str:
    """The newest name that a target shows; of one target no two are added."""
    sources = [_of_source(source, suffix, profile) for source in profile.quantities[name].sources]
    known = [expr for expr in sources if expr]
    joined = f"\nor on ({', '.join(TARGET)})\n".join(known)
    return f"({joined})" if len(known) > 1 else joined


def _of_source(source: Source, suffix: str, profile: Profile) -> str:
    kept = profile.labels if source.labels is None else source.labels
    if suffix == BUCKET:
        return _buckets(source, kept)
    found = _merged(source, _series(source, suffix), kept, ())
    scaled = found if source.scale == 1 or suffix == "_count" else f"{found} * {source.scale:.12g}"
    if source.of is None:
        return scaled
    return f"({scaled} or 0 * {_merged(source, str(source.of), kept, ())})"


def _merged(source: Source, series: str, kept: Mapping[str, str], more: Sequence[str]) -> str:
    for theirs, ours in kept.items():
        if theirs != ours:
            series = f'label_replace({series}, "{ours}", "$1", "{theirs}", "(.+)")'
    return f"{source.merge} by ({', '.join((*TARGET, *kept.values(), *more))}) ({series})"


def _series(source: Source, suffix: str, *conditions: str) -> str:
    first, *others = source.series
    matchers = [*map(str, first.matchers), *conditions]
    if not others:
        return first.metric + suffix + (f"{{{','.join(matchers)}}}" if matchers else "")
    names = "|".join(each.metric + suffix for each in source.series)
    return f"{{{','.join([f'__name__=~{chr(34)}{names}{chr(34)}', *matchers])}}}"


def _buckets(source: Source, kept: Mapping[str, str]) -> str:
    """With bounds in another unit each bucket is renamed by itself: PromQL cannot calculate with a label.

    Where nobody knows the bounds there is no rule; burnline's own /metrics has the series.
    """
    if source.base_bounds() == source.bounds or source.scale == 1:
        return _merged(source, _series(source, BUCKET), kept, ("le",))
    if not source.bounds:
        return ""
    pairs = [*zip(source.bounds, source.base_bounds(), strict=True), (float("inf"), float("inf"))]
    merged = [(_merged(source, _series(source, BUCKET, _le(theirs)), kept, ()), ours) for theirs, ours in pairs]
    each = (f'label_replace({bucket}, "le", "{go_number(ours)}", "", "")' for bucket, ours in merged)
    return "(" + "\n or ".join(each) + ")"


def _le(bound: float) -> str:
    """Clients write a whole bound as `1` or `1.0`."""
    written = go_number(bound)
    if not written.endswith(".0"):
        return f'le="{written}"'
    whole = written.removesuffix(".0")
    return rf'le=~"{whole}|{whole}\\.0"'
