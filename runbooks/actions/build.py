"""From the hooks a service file names to the hooks that act."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from burnline.errors import ActionError
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.actions.contract import Hook
from burnline.spec.hooks import (
    AliasHookSpec,
    CommandHookSpec,
    FlagdFileHookSpec,
    FlagFileHookSpec,
    HelmHookSpec,
    HookSpec,
    MlflowAliasHookSpec,
    SagemakerHookSpec,
    UnleashHookSpec,
    WebhookHookSpec,
)
from burnline.spec.kubernetes import CLUSTER_HOOKS, OnCluster
from burnline.spec.service import RELEASE, ServiceSpec


def build_hook(spec: ServiceSpec, name: str = RELEASE, *, item: str = "", drill: bool = False) -> Hook:
    """The hook `name` of a service: `release`, or one of `actions`.

    Args:
        item: which of several like things, for a hook that serves more than one, such as a node of a cluster.
        drill: only what `drill.hooks` names can be reached.

    Raises: ActionError when the service file names none, or `item` is none that it allows.
    """
    hook = spec.hook(name, drill=drill)
    if hook is None:
        where = f"drill.hooks.{name}" if drill else "release.hook" if name == RELEASE else f"actions.{name}"
        raise ActionError(f"{spec.service} has no `{where}`", permanent=True)
    if drill and (real := production_of(spec, hook)):
        raise ActionError(
            f"`drill.hooks.{name}` reaches what `{real}` reaches: nothing is rehearsed there", permanent=True
        )
    return _build(spec, hook, item)


def _build(spec: ServiceSpec, hook: HookSpec, item: str) -> Hook:
    build = BUILDERS.get(hook.kind)
    if build is None:
        raise ActionError(f"{spec.service}: hook {hook.kind} is not supported yet", permanent=True)
    return build(getattr(hook, hook.kind), spec.service, item)


def production_of(spec: ServiceSpec, hook: HookSpec) -> str:
    """Where the service file names a hook of production with the same target as `hook`; empty when nowhere."""
    places = {"release.hook": spec.release.hook if spec.release else None}
    places |= {f"actions.{name}": each for name, each in spec.actions.items()}
    mine = _reach(spec, hook)
    return next((place for place, real in places.items() if real is not None and _reach(spec, real) == mine), "")


def _reach(spec: ServiceSpec, hook: HookSpec) -> tuple[str, ...]:
    """What a hook changes, in a form that is the same however it is written."""
    if hook.command is not None:  # the program may be the same, told to reach something else
        return "command", os.path.normpath(hook.command.argv[0]), *hook.command.argv[1:]
    if hook.webhook is not None:
        return "webhook", str(httpx.URL(hook.webhook.url))
    try:
        return hook.kind, _build(spec, hook, "").target
    except ActionError:  # one that serves several things, or wants a library that is not here
        return hook.kind, getattr(hook, hook.kind).model_dump_json(exclude={"timeout", "wait"})


def _alias(hook: AliasHookSpec, _service: str, item: str) -> Hook:
    _no_item("alias", item)
    return AliasHook(Path(hook.file), hook.alias)


def _webhook(hook: WebhookHookSpec, service: str, item: str) -> Hook:
    from burnline.runbooks.actions.webhook import WebhookHook

    _no_item("webhook", item)
    return WebhookHook(hook, service)


def _command(hook: CommandHookSpec, service: str, item: str) -> Hook:
    from burnline.runbooks.actions.command import CommandHook

    _no_item("command", item)
    return CommandHook(hook, service)


def _mlflow_alias(hook: MlflowAliasHookSpec, _service: str, item: str) -> Hook:
    from burnline.runbooks.actions.mlflow import MlflowAliasHook

    _no_item("mlflow_alias", item)
    return MlflowAliasHook(hook)


def _flagd_file(hook: FlagdFileHookSpec, _service: str, item: str) -> Hook:
    from burnline.runbooks.actions.flags import FlagdFileHook

    _no_item("flagd_file", item)
    return FlagdFileHook(hook)


def _flag_file(hook: FlagFileHookSpec, _service: str, item: str) -> Hook:
    from burnline.runbooks.actions.flags import FlagFileHook

    _no_item("flag_file", item)
    return FlagFileHook(hook)


def _cluster(kind: str, hook: OnCluster, _service: str, item: str) -> Hook:
    from burnline.runbooks.actions.kubernetes.hooks import cluster_hook

    return cluster_hook(kind, hook, item)


def _unleash(hook: UnleashHookSpec, _service: str, item: str) -> Hook:
    from burnline.runbooks.actions.unleash import UnleashHook

    _no_item("unleash", item)
    return UnleashHook(hook)


def _helm(hook: HelmHookSpec, _service: str, item: str) -> Hook:
    from burnline.runbooks.actions.helm import HelmHook

    _no_item("helm", item)
    return HelmHook(hook)


def _sagemaker(hook: SagemakerHookSpec, _service: str, item: str) -> Hook:
    from burnline.runbooks.actions.sagemaker import SagemakerHook

    _no_item("sagemaker", item)
    return SagemakerHook(hook)


def _no_item(kind: str, item: str) -> None:
    if item:
        raise ActionError(f"hook {kind} changes one thing; it takes no `item`", permanent=True)


# by the hook's key in the service file: its part of the file, the service, the item
BUILDERS: Mapping[str, Callable[[Any, str, str], Hook]] = {
    "alias": _alias,
    "webhook": _webhook,
    "command": _command,
    "mlflow_alias": _mlflow_alias,
    "flagd_file": _flagd_file,
    "flag_file": _flag_file,
    "unleash": _unleash,
    "helm": _helm,
    "sagemaker": _sagemaker,
    **{kind: partial(_cluster, kind) for kind in CLUSTER_HOOKS},
}
