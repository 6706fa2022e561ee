"""What a drill breaks: which SLOs a fault harms, how badly, and which hooks can mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from burnline.detectors.build import windows
from burnline.errors import BurnlineError
from burnline.slo.burn import minimum_error_ratio
from burnline.slo.promise import promise_of, sli_of
from burnline.slo.windows import base_interval, period_length, tiers_of
from burnline.spec.service import RELEASE, ServiceSpec
from burnline.spec.sli import SliSpec
from burnline.spec.slo import SloSpec
from burnline.spec.words import choice, did_you_mean

VERSION = frozenset(
    {
        "alias",
        "mlflow_alias",
        "k8s_deployment",
        "k8s_statefulset",
        "k8s_daemonset",
        "argo_rollout",
        "argo_promote",
        "kserve_canary",
        "helm",
        "sagemaker_endpoint",
    }
)
TRAFFIC = frozenset({"http_route", "virtual_service", "kserve_canary"})
CAPACITY = frozenset({"k8s_scale"})
NODE = frozenset({"k8s_node"})
FLAG = frozenset({"flag_file", "flagd_file", "unleash"})
ANYTHING = frozenset({"webhook", "command"})  # only their owner knows what these change

GPU = re.compile(r"gpu|dcgm|nvml|nvidia|xid|cuda", re.IGNORECASE)
QUEUE = re.compile(r"queue|waiting|pending|backlog|lag|depth|inflight|in_flight", re.IGNORECASE)
HOLDS = re.compile(r"train|promot|freeze")  # hooks that keep harm from spreading, and mend nothing
HALF, ALL, A_THIRD = 0.5, 1.0, 1 / 3


@dataclass(frozen=True, slots=True)
class Harm:
    """What a fault does to one service.

    Attributes:
        shares: SLO to the share of its events that turns bad.
        signals: detectors that see it.
        lag: how long a gauge grows until it is beyond its bound.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    signals: tuple[str, ...] = ()
    lag: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One fault.

    Attributes:
        says: what goes wrong, for people.
        harm: what it does to a service; where it can do nothing, why.
        mended_by: kinds of hooks whose change ends it.
        released: it came with a release, shortly before.
        deaf: the first receiver of a page cannot be reached meanwhile.
    """

    name: str
    says: str
    harm: Callable[[ServiceSpec], Harm | str]
    mended_by: frozenset[str]
    released: bool = False
    deaf: bool = False

    def mends(self, spec: ServiceSpec, hook: str) -> bool:
        """Whether a change through this hook of the service ends the fault."""
        named = spec.hook(hook)
        if named is None or HOLDS.search(hook):
            return False
        return named.kind in self.mended_by | ANYTHING or (hook == RELEASE and self.mended_by >= VERSION)


def scenario(name: str) -> Scenario:
    """The scenario of that name.

    Raises: BurnlineError that names those there are.
    """
    if (found := SCENARIOS.get(name)) is None:
        raise BurnlineError(
            f"--scenario {name}: there is none; accepted: {choice(SCENARIOS)};{did_you_mean(name, SCENARIOS)}"
        )
    return found


def _share(spec: ServiceSpec, slo: SloSpec, wanted: float) -> float:
    """`wanted`, or all events where an alert needs more; 0 when nothing would fire."""
    promise, tiers = promise_of(spec, slo), tiers_of(slo)
    sliced = promise.sli.threshold or promise.sli.freshness or promise.sli.throughput
    for share in (ALL,) if sliced else (wanted, ALL):
        if any(share > minimum_error_ratio(slo.objective, tier.factor) for tier in tiers):
            return share
    return 0.0


def _harmed(spec: ServiceSpec, wanted: float, fits: Callable[[SliSpec], object]) -> dict[str, float]:
    found = {slo.name: _share(spec, slo, wanted) for slo in spec.slos if fits(sli_of(spec, slo))}
    return {name: share for name, share in found.items() if share}


def _errors(spec: ServiceSpec) -> Harm | str:
    shares = _harmed(spec, HALF, lambda sli: sli.ratio)
    return Harm(shares) if shares else "no SLO counts failures (ratio)"


def _latency(spec: ServiceSpec) -> Harm | str:
    shares = _harmed(spec, HALF, lambda sli: sli.latency)
    return Harm(shares) if shares else "no SLO on latency"


def _drift(spec: ServiceSpec) -> Harm | str:
    signals = tuple(windows(spec.signals))
    shares = _harmed(spec, ALL, lambda sli: sli.signal in signals)
    return Harm(shares, signals) if signals else "no signal is watched"


def _stale_data(spec: ServiceSpec) -> Harm | str:
    shares = _harmed(spec, ALL, lambda sli: sli.freshness or sli.throughput)
    return Harm(shares) if shares else "no SLO on freshness or throughput"


def _crashed_replica(spec: ServiceSpec) -> Harm | str:
    found = _harmed(spec, A_THIRD, lambda sli: sli.ratio)
    shares = {name: share for name, share in found.items() if share == A_THIRD}
    return Harm(shares) if shares else "no SLO would notice a third of the requests failing (ratio)"


def _lost_gpu(spec: ServiceSpec) -> Harm | str:
    shares = _harmed(spec, ALL, lambda sli: sli.threshold and GPU.search(str(sli.threshold.gauge)))
    if not shares and "gpu" in spec.collect:  # what is left is too slow for all
        shares = _harmed(spec, HALF, lambda sli: sli.latency)
    return Harm(shares) if shares else "no SLO on a gauge of GPUs, and no latency of a service that collects gpu"


def _queue_growth(spec: ServiceSpec) -> Harm | str:
    shares = _harmed(spec, ALL, lambda sli: sli.threshold and QUEUE.search(str(sli.threshold.gauge)))
    lag = max(
        (2 * base_interval(period_length(slo.window)) for slo in spec.slos if slo.name in shares), default=timedelta(0)
    )
    return Harm(shares, lag=lag) if shares else "no SLO on a gauge of a queue (threshold)"


def _bad_release(spec: ServiceSpec) -> Harm | str:
    if spec.release is None:
        return "the service has no release"
    shares = _harmed(spec, HALF, lambda sli: sli.ratio or sli.latency)
    return Harm(shares) if shares else "no SLO counts failures or latency"


def _receiver_down(spec: ServiceSpec) -> Harm | str:
    for harm in (_errors, _latency, _stale_data, _queue_growth, _lost_gpu, _drift):
        found = harm(spec)
        if isinstance(found, Harm):
            break
    else:
        return "no SLO and no signal can be harmed"
    told = escalated(spec)
    if len(told) < 2:
        return f"only {' '.join(told) or 'nobody'} is told of a page: while that is down, nobody hears"
    return found


def escalated(spec: ServiceSpec) -> Sequence[str]:
    """Everybody who is told of a page, at once or later."""
    later = (receiver for step in spec.escalation.chain for receiver in step.to)
    return tuple(dict.fromkeys((*spec.escalation.page, *later)))


_RELEASED = VERSION | TRAFFIC | FLAG
_ALL = (
    Scenario("errors", "half of the requests fail", _errors, _RELEASED, released=True),
    Scenario("latency", "half of the answers are slow", _latency, _RELEASED | CAPACITY, released=True),
    Scenario("drift", "inputs no longer look like the reference", _drift, VERSION | FLAG, released=True),
    Scenario("stale-data", "no new data arrives", _stale_data, VERSION | FLAG),
    Scenario(
        "crashed-replica",
        "one of three replicas of a new release crashes again and again",
        _crashed_replica,
        VERSION | TRAFFIC | CAPACITY,
        released=True,
    ),
    Scenario("lost-gpu", "a GPU falls off the bus", _lost_gpu, NODE | CAPACITY | TRAFFIC),
    Scenario("queue-growth", "requests come faster than they are served", _queue_growth, CAPACITY | FLAG | TRAFFIC),
    Scenario(
        "receiver-down",
        "something fails while the first receiver is down",
        _receiver_down,
        VERSION | TRAFFIC | CAPACITY | NODE | FLAG,
        released=True,
        deaf=True,
    ),
    Scenario("bad-release", "a release fails and is slow", _bad_release, VERSION | TRAFFIC, released=True),
)
SCENARIOS: Mapping[str, Scenario] = {each.name: each for each in _ALL}
