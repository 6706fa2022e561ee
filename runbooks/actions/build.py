"""From the hooks a service file names to the hooks that act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from burnline.errors import ActionError
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.actions.contract import Hook
from burnline.spec.hooks import (
    AliasHookSpec,
    CommandHookSpec,
    FlagdFileHookSpec,
    FlagFileHookSpec,
    HelmHookSpec,
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
    build = BUILDERS.get(hook.kind)
    if build is None:
        raise ActionError(f"{spec.service}: hook {hook.kind} is not supported yet", permanent=True)
    return build(getattr(hook, hook.kind), spec.service, item)


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
