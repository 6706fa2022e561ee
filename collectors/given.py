"""Which of burnline's measured series a service file gives, and what to write for one that it does not give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from burnline.collectors.profiles.load import all_profiles, load_profile
from burnline.metrics import business, cost, events, gpu, jobs, queues
from burnline.spec.collect import ScrapeSpec
from burnline.spec.host import host_of
from burnline.spec.queue import CelerySpec, KafkaSpec, QueueItem, QueueSpec, RedisListSpec
from burnline.spec.selector import Matcher
from burnline.spec.service import ServiceSpec
from burnline.spec.words import choice

_COUNTS = frozenset({queues.ARRIVED, queues.SERVED})
_WORK = frozenset({queues.READY, queues.INFLIGHT})
_INFLIGHT = frozenset({queues.INFLIGHT})
_OLDEST = frozenset({queues.OLDEST_AGE, queues.OLDEST_TIMESTAMP})
# What burnline's own look at a queue tells at its best; `_told` takes off what this one does not.
QUEUES = {
    "redis_list": _WORK | _OLDEST,
    "redis_stream": _WORK | _COUNTS | _OLDEST | {queues.INFLIGHT_AGE, queues.CONSUMERS},
    "rabbitmq": _WORK | _COUNTS | _OLDEST | {queues.CONSUMERS},
    "kafka": _COUNTS | _OLDEST | {queues.READY, queues.CONSUMERS},
    "celery": _WORK | _COUNTS | _OLDEST | {queues.INFLIGHT_AGE, queues.CONSUMERS},
    "nats": _WORK | _COUNTS | _OLDEST,
    "sqs": _WORK | {queues.DELAYED},
}

_KEYS = {  # what makes a queue of the kind tell it
    **{(kind, name): "timestamp" for kind in ("redis_list", "celery") for name in _OLDEST},
    **{("kafka", name): "age: true" for name in _OLDEST},
    ("redis_list", queues.INFLIGHT): "processing",
}


def missing(spec: ServiceSpec, name: str, matchers: Sequence[Matcher] = ()) -> str:
    """What to write so that the file gives a measured series; nothing where it does, or needs to say nothing.

    `matchers` narrow it to some queues.
    """
    pages = {item.profile for item in spec.collect if isinstance(item, ScrapeSpec)}
    if any(name in load_profile(page).quantities for page in pages):
        return ""
    if name.split("_")[1] == "queue":
        return _queue(spec, name, matchers)
    return _MISSING.get(name.split("_")[1], _of_profiles)(spec, name)


def _of_profiles(spec: ServiceSpec, name: str) -> str:
    return f"write the `profile` of a page that does: {choice(profiles)}" if (profiles := _profiles(name)) else ""


def _profiles(name: str) -> list[str]:
    return [profile for profile, each in all_profiles().items() if name in each.quantities]


def _instead(here: str, name: str) -> str:
    profiles = _profiles(name)
    return f"{here}, or scrape an exporter's page with `profile: {choice(profiles)}`" if profiles else here


def _gpu(spec: ServiceSpec, name: str) -> str:
    return "" if "gpu" in spec.collect else _instead("write `gpu` in `collect`", name)


def _host(spec: ServiceSpec, name: str) -> str:
    return "" if host_of(spec.collect) else _instead("write `host` in `collect`", name)


def _queue(spec: ServiceSpec, name: str, matchers: Sequence[Matcher]) -> str:
    every = [item.queue for item in spec.collect if isinstance(item, QueueSpec)]
    watched = [queue for queue in every if _is_meant(queue, matchers)] or every
    if any(name in _told(queue) for queue in watched):
        return ""
    keys = dict.fromkeys(key for queue in watched if (key := _KEYS.get((queue.kind, name))))
    if keys:
        return f"write {choice(f'`{key}`' for key in keys)} at the queue"
    kinds = [kind for kind, told in QUEUES.items() if name in told]
    return _instead(f"write a `queue` {f'of {choice(kinds)} ' if watched else ''}in `collect`", name)


def _is_meant(queue: QueueItem, matchers: Sequence[Matcher]) -> bool:
    labels = {"queue": queue.queue, "backend": queue.kind}
    return all(each.matches(labels) for each in matchers if each.label in labels)


def _told(queue: QueueItem) -> frozenset[str]:
    """What a look at this queue tells, as docs/queues.md has it; of a URL that is a secret, the most it can be."""
    told = QUEUES[queue.kind]
    if isinstance(queue, RedisListSpec):
        told -= (frozenset() if queue.timestamp else _OLDEST) | (frozenset() if queue.processing else _INFLIGHT)
    elif isinstance(queue, CelerySpec) and queue.url.startswith("redis"):
        told -= (frozenset() if queue.timestamp else _OLDEST) | _COUNTS | {queues.CONSUMERS}
    elif isinstance(queue, CelerySpec) and queue.url.startswith("http"):
        told -= {queues.INFLIGHT_AGE}
    elif isinstance(queue, KafkaSpec) and not queue.age:
        told -= _OLDEST
    return told


def _job(spec: ServiceSpec, name: str) -> str:
    if not spec.jobs:
        return "write the job under `jobs`; it is there once the job tells of a run"
    if name == jobs.OVERDUE and not any(job.every for job in spec.jobs.values()):
        return "write `every` at the job: by when it must have succeeded again"
    if name == jobs.DATA_LAG and not any(job.behind for job in spec.jobs.values()):
        return "write `behind` at the job: whose data it copies"
    return ""


def _business(spec: ServiceSpec, name: str) -> str:
    kind = "counter" if name == business.TOTAL else "gauge"
    posted = any(number.posted == kind for number in spec.business.values())
    return "" if posted else f"write a number under `business` with `posted: {kind}`"


def _cost(spec: ServiceSpec, name: str) -> str:
    if spec.cost is None:
        return "write `cost` with the price of a GPU's hour"
    if name == cost.SAVED and spec.cost.cache_hits is None:
        return "write `cost.cache_hits`: the counter of answers from the cache"
    if name == cost.TRAINING:
        return _job(spec, name)
    said = missing(spec, gpu.UTILIZATION)
    if not said or (spec.cost.gpus is not None and name != cost.IDLE):
        return ""
    return said if name == cost.IDLE else f"{said}, or how many serve: `cost.gpus`"


def _release(spec: ServiceSpec, name: str) -> str:
    told = spec.model is not None and spec.model.version is not None
    return "" if told else "write `model.version`: where the version that serves is seen"


def _events(spec: ServiceSpec, name: str) -> str:
    declared = spec.model is not None and spec.model.schema_ is not None
    return "write `model.schema`: what the features may be" if name == events.VIOLATIONS and not declared else ""


def _answers(spec: ServiceSpec, name: str) -> str:
    section = spec.signals.hallucination
    if name.startswith("burnline_answers_judge"):
        return (
            "" if section and section.judge else "write `judge` in `signals.hallucination`: a model that judges answers"
        )
    on = (spec.telemetry.content and spec.telemetry.content.sample) or section
    return "" if on else "write `content: {sample: 10%}` in `telemetry`, which has the texts of answers looked at"


def _samples(spec: ServiceSpec, name: str) -> str:
    return "" if spec.signals.skew else "write `skew: {}` in `signals`, which compares events with their training side"


_MISSING: Mapping[str, Callable[[ServiceSpec, str], str]] = {
    "gpu": _gpu,
    "host": _host,
    "job": _job,
    "business": _business,
    "cost": _cost,
    "release": _release,
    "events": _events,
    "answers": _answers,
    "samples": _samples,
    # `genai`, `labelled`, `labels`, `otlp`, `security` are posted without being declared, and no profile has them
}
