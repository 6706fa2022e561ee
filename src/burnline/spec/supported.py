"""What a service file may say by its shape and burnline does not do yet: refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from burnline.spec.hooks import HookSpec
from burnline.spec.kubernetes import CLUSTER_HOOKS
from burnline.spec.place import Flaw
from burnline.spec.service import ServiceSpec
from burnline.spec.signals import NO_SIGNALS, SignalsSpec
from burnline.spec.words import choice

SIGNALS = (
    *("drift", "prediction", "confidence", "data", "volume", "outliers", "skew", "training_skew"),
    *("estimate", "embedding", "calibration", "performance"),
    *("hallucination", "refusal", "toxicity", "retrieval", "answer_length", "language", "consistency", "logprob"),
)
HOOKS = (
    "alias",
    "webhook",
    "command",
    "mlflow_alias",
    "flagd_file",
    "flag_file",
    "unleash",
    "helm",
    "sagemaker",
    *CLUSTER_HOOKS,
)
LATER: Mapping[type[BaseModel], frozenset[str]] = {  # keys that are refused whatever they say
    SignalsSpec: frozenset(SignalsSpec.model_fields) - frozenset(SIGNALS) - NO_SIGNALS,
    HookSpec: frozenset(HookSpec.model_fields) - frozenset(HOOKS),
}


def unsupported(spec: ServiceSpec) -> Iterator[Flaw]:
    """Every part of the service that is not built yet."""
    yield from _signals(spec)
    for place, hook in spec.hooks():
        if hook.kind not in HOOKS:
            yield Flaw((*place, hook.kind), _not_yet(f"hook {hook.kind}", HOOKS))


def _not_yet(thing: str, today: tuple[str, ...]) -> str:
    return f"{thing} is not supported yet; today: {choice(today)}"


def _signals(spec: ServiceSpec) -> Iterator[Flaw]:
    for name in spec.signals.sections():
        if name not in SIGNALS and name not in spec.signals.custom:
            yield Flaw(("signals", name), _not_yet(f"signal {name}", SIGNALS))
