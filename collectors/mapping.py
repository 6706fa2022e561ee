"""One name per quantity of a machine, whoever measures it: Prometheus rules made of the profiles of other exporters.

A profile says which series of an exporter is which of burnline's own. Where both are scraped, or one here and the other
there, a rule records the exporter's as `machine:...`, and burnline's own of what the exporter does not tell:

    machine:gpu_power_watts = DCGM_FI_DEV_POWER_USAGE, or burnline_gpu_power_watts of GPUs it does not name

Every recorded series has the label `host`, which stands where each scrape has its own `instance`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from burnline.collectors.profiles.model import Profile, Quantity, Source

PREFIX = "machine:"
HOST = "host"
EXPORTERS = {"gpu": "dcgm-exporter", "host": "node-exporter"}  # what burnline collects itself -> the profile
GROUP = "burnline/machine"
# Of a GPU: `uuid` says which, and two exporters may spell these otherwise.
_DESCRIBING = frozenset({HOST, "gpu", "model", "profile"})
_PORT = '"(.*?)(:[0-9]+)?"'


def recorded(name: str) -> str:
    """Under which name the series `name` of burnline is recorded.

    >>> recorded("burnline_gpu_power_watts")
    'machine:gpu_power_watts'
    """
    return PREFIX + name.removeprefix("burnline_")


def machine_rules(profiles: Mapping[str, Profile]) -> list[dict[str, Any]]:
    """One group of recording rules: a rule for each quantity that a profile gives."""
    rules = [
        {"record": recorded(name), "expr": expression(name, quantity, profile)}
        for profile in profiles.values()
        for name, quantity in profile.quantities.items()
    ]
    return [{"name": GROUP, "rules": rules}] if rules else []


def expression(name: str, quantity: Quantity, profile: Profile) -> str:
    """The exporter's series in burnline's unit and with its labels, or burnline's own where there is none.

    What is equal of two sources is not told twice: of a GPU its uuid, of a disk host and device.
    """
    labels = _labels(quantity, profile)
    alternatives = [_of_source(source, profile, labels) for source in quantity.sources]
    key = ", ".join(label for label in labels if "uuid" not in labels or label not in _DESCRIBING)
    own = f"max by ({', '.join(labels)}) ({_with_host(name)})"
    return f"\nor on ({key})\n".join([*alternatives, own])


def _labels(quantity: Quantity, profile: Profile) -> list[str]:
    """Those of the recorded series, the same whoever tells it."""
    named = [HOST]
    for source in quantity.sources:
        named += _renamed(source, profile).values()
        named += source.add
    return list(dict.fromkeys(named))


def _renamed(source: Source, profile: Profile) -> Mapping[str, str]:
    return profile.labels if source.labels is None else source.labels


def _of_source(source: Source, profile: Profile, labels: Sequence[str]) -> str:
    series = _with_host(_selector(source))
    for theirs, ours in _renamed(source, profile).items():
        if theirs != ours:
            series = f'label_replace({series}, "{ours}", "$1", "{theirs}", "(.+)")'
    for label, value in source.add.items():
        series = f'label_replace({series}, "{label}", "{value}", "", "")'
    merged = f"{source.merge} by ({', '.join(labels)}) ({series})"
    return merged if source.scale == 1 else f"{merged} * {source.scale:.12g}"


def _selector(source: Source) -> str:
    """Several series are added up, so they are selected together.

    Raises: ValueError when their conditions differ.
    """
    first, *others = source.series
    if not others:
        return str(first)
    if any(each.matchers != first.matchers for each in others):
        raise ValueError(f"series that are added up have the same conditions: {', '.join(map(str, source.series))}")
    conditions = [f'__name__=~"{"|".join(each.metric for each in source.series)}"', *map(str, first.matchers)]
    return f"{{{','.join(conditions)}}}"


def _with_host(series: str) -> str:
    return f'label_replace({series}, "{HOST}", "$1", "instance", {_PORT})'
