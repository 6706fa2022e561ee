"""Rules as `promtool test rules` sees them: simulated series in, conditions on what was recorded out."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from burnline.slo.compiler.rules import Layout, compile_rules
from burnline.spec.service import ServiceSpec
from tests.programs import SELDOM, program

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SELECTOR = re.compile(r"""([a-zA-Z_:][\w:]*)(?:\s*\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\})?""")
EQUAL = re.compile(r'(\w+)\s*=\s*"([^"\\]*)"')


def service(slos: str, *, name: str = "card-fraud", **more: Any) -> ServiceSpec:
    """A service with these SLOs, written as in a service file."""
    written = {"apiVersion": "burnline/v1", "service": name, "owner": "payments-ml", "slos": yaml.safe_load(slos)}
    return ServiceSpec.model_validate({**written, **more})


def counter(*phases: tuple[int, float], start: float = 0) -> str:
    """A counter's samples: each phase is (samples, increase per sample)."""
    parts, value = [], start
    for samples, step in phases:
        parts.append(f"{value:g}+{step:g}x{samples - 1}")
        value += samples * step
    return " ".join(parts)


@dataclass
class Simulation:
    """Input series sampled, and rules evaluated, every minute, and what must hold when.

    promtool evaluates every group at one interval, so the long windows are compiled for every minute here, not every
    five. `t2=False` leaves their groups out.
    """

    specs: Iterable[ServiceSpec]
    series: Mapping[str, str]
    evaluation: str = "1m"
    sampling: str = "1m"
    t2: bool = True
    layout: Layout = "burnline"
    beside: Sequence[Mapping[str, Any]] = ()  # groups of other rules
    now: datetime = EPOCH  # promtool's time begins there
    checks: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)

    def holds(self, at: str, *conditions: str) -> None:
        """Each condition, a filter as in `x == 1`, keeps exactly one element at that time."""
        for condition in conditions:
            found = [{"labels": "{}", "value": 1}]
            self.checks.append({"expr": f"count({condition})", "eval_time": at, "exp_samples": found})

    def absent(self, at: str, *selectors: str) -> None:
        """Nothing is found at that time."""
        for selector in selectors:
            self.checks.append({"expr": selector, "eval_time": at, "exp_samples": []})

    def run(self, folder: Path) -> None:
        """Run promtool; the failure is its report."""
        groups = compile_rules(list(self.specs), now=self.now, every=1 if self.t2 else 5, layout=self.layout)["groups"]
        groups = [group for group in groups if self.t2 or group["interval"] == self.evaluation]
        groups = self._read(groups) + [dict(group) for group in self.beside]
        (folder / "rules.yml").write_text(yaml.dump({"groups": groups}, Dumper=yaml.CSafeDumper))
        test = {
            "group_eval_order": [group["name"] for group in groups],  # else by chance
            "rule_files": ["rules.yml"],
            "evaluation_interval": self.evaluation,
            "tests": [
                {
                    "interval": self.sampling,
                    "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
                    "promql_expr_test": self.checks,
                    "alert_rule_test": self.alerts,
                }
            ],
        }
        (folder / "test.yml").write_text(yaml.dump(test, Dumper=yaml.CSafeDumper, sort_keys=False))
        done = subprocess.run(
            [program("promtool"), "test", "rules", str(folder / "test.yml")],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **SELDOM},
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _read(self, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The groups without the rules that nothing here reads: most of the time goes into those."""
        unread = [rule for group in groups for rule in group["rules"]]
        asked = [check["expr"] for check in self.checks] + [
            f'ALERTS{{alertname="{alert["alertname"]}"}}' for alert in self.alerts
        ]
        read = _selected(asked + [rule["expr"] for group in self.beside for rule in group["rules"]])
        kept: set[int] = set()
        while more := [rule for rule in unread if any(_gives(rule, *selector) for selector in read)]:
            kept |= {id(rule) for rule in more}
            unread = [rule for rule in unread if id(rule) not in kept]
            read = _selected(rule["expr"] for rule in more)
        slim = [{**group, "rules": [rule for rule in group["rules"] if id(rule) in kept]} for group in groups]
        return [group for group in slim if group["rules"]]


def _selected(exprs: Iterable[str]) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    """What these expressions may read: every word of them as a series' name, with the labels it must have."""
    found = (match for expr in exprs for match in SELECTOR.finditer(expr))
    return {(match[1], frozenset(EQUAL.findall(match[2] or ""))) for match in found}


def _gives(rule: Mapping[str, Any], name: str, equal: Iterable[tuple[str, str]]) -> bool:
    """Whether a rule may give such a series; a label that it does not set itself may be anything."""
    labels = {"alertname": rule.get("alert", ""), **rule.get("labels", {})}
    own = {label: value for label, value in labels.items() if "{{" not in value}
    return name == rule.get("record", "ALERTS") and all(own.get(label, value) == value for label, value in equal)


def firing(tier: str, slo: str = "availability", *, of: str = "") -> str:
    """The selector of the burn alert of that tier (of a service, where there are several) while it fires."""
    whose = f'service="{of}",' if of else ""
    return f'ALERTS{{alertname="ErrorBudgetBurn",alertstate="firing",{whose}slo="{slo}",tier="{tier}"}}'
