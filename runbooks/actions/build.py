"""From a service file's `release.hook` to the hook."""

from __future__ import annotations

from pathlib import Path

from burnline.errors import ActionError
from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.actions.contract import Hook
from burnline.spec.service import ServiceSpec


def build_hook(spec: ServiceSpec) -> Hook:
    """The hook with which a service is rolled back.

    Raises: ActionError when the service file names none, or one that is not supported yet.
    """
    hook = spec.release.hook if spec.release else None
    if hook is not None and hook.alias is not None:
        return AliasHook(Path(hook.alias.file), hook.alias.alias)
    if hook is not None and hook.webhook is not None:
        from burnline.runbooks.actions.webhook import WebhookHook

        return WebhookHook(hook.webhook, spec.service)
    if hook is not None and hook.command is not None:
        from burnline.runbooks.actions.command import CommandHook

        return CommandHook(hook.command, spec.service)
    why = f"its hook {hook.kind} is not supported yet" if hook is not None else "it has no `release.hook`"
    raise ActionError(f"{spec.service} cannot be rolled back: {why}", permanent=True)
