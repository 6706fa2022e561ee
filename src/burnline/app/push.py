"""`burnline push`: the compiled rules to a ruler over HTTP, or into a folder that a Prometheus reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast, get_args

import typer

from burnline.app.build import linked, machine_groups, serving_groups
from burnline.app.console.words import visible
from burnline.app.services import load_checked
from burnline.errors import BurnlineError
from burnline.settings import read_settings
from burnline.slo.compiler.rules import Layout, compile_rules
from burnline.slo.compiler.yaml import dump
from burnline.slo.delivery import rules_dir
from burnline.slo.delivery.push import Change, Kind, RuleGroup, plan_groups
from burnline.slo.delivery.ruler import Outcome, Ruler, apply, new_client
from burnline.spec.service import ServiceSpec

FILE = "burnline-rules.yml"
DONE = {Kind.ADD: "added", Kind.CHANGE: "changed", Kind.REMOVE: "removed"}
SAME, FAILED, DIFFERS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of service files, as of now; `layout` as for `burnline build`."""

    services: Path
    layout: str = "burnline"

    def groups(self) -> list[RuleGroup]:
        """Every group.

        Raises: SpecError for the files, BurnlineError for the layout.
        """
        specs = self._specs()
        groups = compile_rules(specs, now=datetime.now(UTC), layout=self._layout())["groups"]
        found: list[RuleGroup] = [
            *linked(groups, specs, read_settings().public_url),
            *machine_groups(specs),
            *serving_groups(specs),
        ]
        return found

    def _specs(self) -> Sequence[ServiceSpec]:
        return load_checked(self.services)

    def _layout(self) -> Layout:
        if self.layout not in get_args(Layout):
            raise BurnlineError(f"--layout {visible(self.layout)}: write one of {', '.join(get_args(Layout))}")
        return cast(Layout, self.layout)


def push_to_ruler(
    rules: Rules,
    url: str,
    *,
    namespace: str,
    tenant: str,
    token_file: Path | None,
    ca_file: Path | None,
    dry_run: bool,
    remove_all: bool = False,
) -> int:
    """Deliver over HTTP; the exit code: 0 done (dry: nothing differs), 1 failed in part, 2 dry: there are differences.

    Raises: BurnlineError when nothing could be delivered, and for services without rules where there are some of ours,
        unless `remove_all`.
    """
    wanted = rules.groups()
    with new_client(ca_file) as client:
        ruler = Ruler(url, namespace, tenant=tenant, token=_token(token_file), client=client)
        plan = plan_groups(wanted, ruler.groups())
        if not wanted and not remove_all:
            _refuse_emptying(rules.services, sum(change.kind is Kind.REMOVE for change in plan), "group")
        if dry_run:
            return _show_plan(plan)
        return _show_outcomes(apply(ruler, wanted, plan))


def push_to_folder(
    rules: Rules, folder: Path, *, reload_url: str, ca_file: Path | None, dry_run: bool, remove_all: bool = False
) -> int:
    """Deliver as files, and have them loaded; exit codes and what is refused as above.

    Raises: BurnlineError when nothing was delivered, or the old files had to be put back.
    """
    groups = rules.groups()
    plan = rules_dir.plan_files(folder, {FILE: rules_dir.HEADER + dump({"groups": groups})})
    if not groups and plan.differs and not remove_all:
        _refuse_emptying(rules.services, len(plan.there), "file")
    if dry_run:
        return _show_plan(plan.changes)
    with new_client(ca_file) as client:
        rules_dir.write_plan(plan)
        if reload_url:
            rules_dir.reload_or_undo(plan, client, reload_url, sleep=time.sleep)
    return _show_outcomes([Outcome(change) for change in plan.changes])


def _refuse_emptying(services: Path, count: int, what: str) -> None:
    """Raises: BurnlineError: a wrong folder of services must not silence everything."""
    if count:
        raise BurnlineError(
            f"{services}: holds no SLO, and {count} {what}{'s' * (count > 1)} of burnline would be removed; "
            "if that is meant, say --remove-all"
        )


def _token(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise BurnlineError(f"{file}: should hold a token in UTF-8, and does not: {error}") from error
    if not token or len(token.split()) != 1:
        raise BurnlineError(f"{file}: should hold a token and nothing else")
    return token


def _show_plan(plan: Iterable[Change]) -> int:
    differing = [change for change in plan if change.kind is not Kind.SAME]
    for change in differing:
        typer.echo(visible(change.diff))
    if not differing:
        typer.echo("nothing differs")
    return DIFFERS if differing else SAME


def _show_outcomes(outcomes: Sequence[Outcome]) -> int:
    for outcome in outcomes:
        name = visible(outcome.change.name)
        if outcome.error:
            typer.echo(f"burnline: {name}: {visible(outcome.error)}", err=True)
        elif outcome.change.kind is not Kind.SAME:
            typer.echo(f"{DONE[outcome.change.kind]} {name}")
    same = sum(outcome.change.kind is Kind.SAME for outcome in outcomes)
    if same:
        typer.echo(f"unchanged: {same}")
    return FAILED if any(outcome.error for outcome in outcomes) else SAME
