"""One service file that declares everything, and what it then gives off, as a page of Prometheus' text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, get_args

from burnline.collectors.mapping import EXPORTERS
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.model import Profile
from burnline.dashboards.asking import MACHINE
from burnline.metrics.measured import HISTOGRAMS, SUMMARIES, kind_of
from burnline.metrics.register import MEASURED
from burnline.spec import collect
from burnline.spec.service import ServiceSpec

SERVICE = "everything"
HEAD = {"apiVersion": "burnline/v1", "service": SERVICE, "owner": "team"}
PROMISE = {"objective": "99%", "window": "30d"}
SLOS = {
    "availability": {"ratio": {"bad": 'http_requests_total{code=~"5.."}', "total": "http_requests_total"}},
    "latency": {"latency": {"histogram": "http_request_duration_seconds", "below": "250ms"}},
    "depth": {"threshold": {"gauge": "queue_depth", "above": 100}},
    "fresh": {"freshness": {"timestamp": "last_success_seconds", "max_age": "15m"}},
    "orders": {"throughput": {"counter": "orders_total", "at_least": 100}},
    "quality": {"signal": "drift"},
    "both": {"composite": {"worst_of": ["depth", "fresh"]}},
}
QUEUES = (
    {"redis_stream": "jobs", "group": "workers", "url": "env:URL"},
    {"sqs": "https://sqs.example.com/1/jobs"},
)
EVERYTHING: dict[str, Any] = {
    "collect": [
        "host",
        "gpu",
        *({"url": f"http://{profile}.example/metrics", "profile": profile} for profile in get_args(collect.Profile)),
        *({"queue": queue} for queue in QUEUES),
    ],
    "telemetry": {"content": {"sample": "10%"}},
    "model": {
        "name": "everything",
        "version": {"from": "label", "label": "version"},
        "reference": "reference.json",
        "schema": {"features": {"age": {"type": "number"}}},
    },
    "signals": {
        "drift": {},
        "skew": {},
        "hallucination": {"judge": {"url": "http://judge.example/v1", "model": "small"}},
    },
    "slos": [{"name": name, **PROMISE, "sli": sli} for name, sli in SLOS.items()],
    "exclude": [{"from": "2026-01-05T13:00:00Z", "for": "1h", "reason": "move"}],
    "budget_policy": [{"left": "25%", "do": "notify"}],
    "runbooks": [{"on": {"slo": "availability", "severity": "page"}, "run": "bad-release"}],
    "business": {
        "sales": {"posted": "counter"},
        "basket": {"posted": "gauge"},
        "share": {"ratio": {"good": "orders_total", "total": "visits_total"}},
        "price": {"gauge": "price_eur"},
    },
    "cost": {"gpu_hour": "2.49 CHF", "cache_hits": "cache_hits_total"},
    "jobs": {"train": {"every": "1d"}, "copy": {"behind": "train"}},
}
# What others and burnline's own engine tell, which is in no register of measured names: name and labels.
TOLD: dict[str, dict[str, Any]] = {
    "http_requests_total": {"code": "500"},
    "orders_total": {},
    "visits_total": {},
    "queue_depth": {},
    "price_eur": {},
    "last_success_seconds": {},
    "burnline_slo_error_budget_remaining_ratio": {"slo": SLOS},
    "burnline_slo_budget_exhaustion_seconds": {"slo": SLOS},
    "burnline_slo_sli_ratio": {"slo": SLOS, "window": ("1h", "6h")},
    "burnline_slo_burn_rate": {"slo": SLOS, "window": ("1h", "6h")},
    "burnline_slo_excluded": {"slo": SLOS},
    "burnline_slo_budget_policy": {"step": "notify"},
    "burnline_signal_score_ratio": {"signal": "drift"},
    "burnline_signal_feature_score_ratio": {"signal": "drift", "feature": "age"},
    "burnline_signal_part_score_ratio": {"signal": "drift", "part": "version=8"},
    "burnline_collector_success": {"collector": "host"},
    "burnline_inbox_rows": {"kind": "predictions", "state": "new"},
    "burnline_runbook_runs_total": {"runbook": "bad-release", "outcome": "recovered"},
    "burnline_events_accepted_total": {},
    "burnline_events_refused_total": {"reason": "schema"},
    "burnline_worker_failures_total": {"worker": "scrape"},
}
# Where the help text of a measured name lists no labels, or these have certain values.
VALUES: dict[str, tuple[str, ...]] = {"mode": ("idle", "user"), "kind": ("uncorrected", "out_of_sequence")}
BESIDE = {  # how names begin, and the labels that their help texts leave to the first of them
    "burnline_queue": ("queue", "backend", "group"),
    "burnline_serving": ("collector", "model"),
    "burnline_storage": ("collector", "backend", "replica"),
    "burnline_gpu": ("gpu", "uuid", "model"),
    "burnline_gpu_mig": ("gpu_instance",),
    "burnline_host_cgroup": ("cgroup",),
    "burnline_host_filesystem": ("mountpoint",),
    "burnline_host_network": ("interface",),
    "burnline_host_bond": ("interface",),
    "burnline_host_infiniband": ("device", "port"),
    "burnline_host_roce": ("device", "port"),
    "burnline_host_nvme": ("device",),
}
NUMBERS = {"burnline_business_total": "sales", "burnline_business_value": "basket"}


def everything(**changed: Any) -> ServiceSpec:
    """The service that has all there is."""
    return ServiceSpec.model_validate({**HEAD, **EVERYTHING, **changed})


def page(counted: float) -> str:
    """All of its series, each counter at `counted`."""
    lines = [line for name in MEASURED for line in _measured(name, counted)]
    for name, labels in TOLD.items():
        lines += _lines(name, {"service": SERVICE, **labels}, _value(name, counted))
    lines += _histogram("http_request_duration_seconds", {}, counted)
    return "\n".join(lines) + "\n"


def exporters_page(counted: float) -> str:
    """What the exporters of machines show, made of their profiles: every series of every quantity, of another host."""
    profiles = [load_profile(name) for name in EXPORTERS.values()]
    found = {line for profile in profiles for name in profile.quantities for line in _exported(profile, name, counted)}
    return "\n".join(sorted(found)) + "\n"


def _exported(profile: Profile, name: str, counted: float) -> Iterator[str]:
    for source in profile.quantities[name].sources:
        kept = profile.labels if source.labels is None else source.labels
        labels: dict[str, Any] = {theirs: VALUES.get(ours, ("x",)) for theirs, ours in kept.items() if ours != "host"}
        for series in source.series:
            matched = {matcher.label: matcher.value for matcher in series.matchers if matcher.op == "="}
            shown = {"instance": "other:9", **labels, **matched}
            yield from _lines(series.metric, shown, _value(name, counted))


def labels_of(name: str) -> dict[str, Iterable[str]]:
    """The labels of a measured name: those that its help text has in braces, and those of its family."""
    named = re.findall(r"\{(\w+)\}", MEASURED[name])
    named += [label for begins, labels in BESIDE.items() if name.startswith(begins) for label in labels]
    values: dict[str, Iterable[str]] = {label: VALUES.get(label, ("x",)) for label in named}
    if not name.startswith(MACHINE):
        values["service"] = (SERVICE,)
    return values | ({"number": (NUMBERS[name],)} if name in NUMBERS else {})


def _measured(name: str, counted: float) -> Iterator[str]:
    if name in HISTOGRAMS:
        yield from _histogram(name, labels_of(name), counted)
    elif name in SUMMARIES:
        for part in ("_sum", "_count"):
            yield from _lines(name + part, labels_of(name), counted)
    else:
        yield from _lines(name, labels_of(name), _value(name, counted))


def _histogram(name: str, labels: dict[str, Iterable[str]], counted: float) -> Iterator[str]:
    for bound in ("0.25", "+Inf"):
        yield from _lines(f"{name}_bucket", {**labels, "le": bound}, counted)
    for part in ("_sum", "_count"):
        yield from _lines(name + part, labels, counted)


def _value(name: str, counted: float) -> float:
    return counted if kind_of(name) == "counter" else 1.0


def _lines(name: str, labels: dict[str, Any], value: float) -> Iterator[str]:
    each = [(value,) if isinstance(value, str) else tuple(value) for value in labels.values()]
    for chosen in product(*each):
        written = ",".join(f'{label}="{text}"' for label, text in zip(labels, chosen, strict=True))
        yield f"{name}{{{written}}} {value}"
