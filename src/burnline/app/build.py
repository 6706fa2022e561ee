"""`burnline build`: what Prometheus, Alertmanager and Grafana need, from the same service files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from burnline.alerting.config import render_alertmanager
from burnline.dashboards.grafana import render_dashboard
from burnline.slo.compiler.k8s import prometheus_rules, render_object
from burnline.slo.compiler.rules import HEADER, Layout, compile_rules, render_rules
from burnline.spec.service import ServiceSpec

Form = Literal["rules", "prometheusrule"]


def write_files(
    specs: Sequence[ServiceSpec],
    out: Path,
    burnline_url: str,
    token_file: str = "",
    *,
    now: datetime,
    form: Form = "rules",
    layout: Layout = "burnline",
) -> list[Path]:
    """Write the files below `out` and return their paths; the same specs give the same bytes within a month."""
    files = {
        **{out / "prometheus" / name: text for name, text in rule_files(specs, now, form, layout).items()},
        out / "alertmanager" / "alertmanager.yml": render_alertmanager(
            specs, f"{burnline_url}/v1/alerts", token_file=token_file
        ),
        **{out / "grafana" / f"svc-{spec.service}.json": render_dashboard(spec) for spec in specs},
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return list(files)


def rule_files(specs: Sequence[ServiceSpec], now: datetime, form: Form, layout: Layout) -> dict[str, str]:
    """File name to text: one rule file, or one file for each Kubernetes object."""
    if form == "rules":
        return {"burnline-rules.yml": render_rules(specs, now=now, layout=layout)}
    objects = prometheus_rules(compile_rules(specs, now=now, layout=layout)["groups"])
    return {f"{name}.yaml": HEADER + render_object(body) for name, body in objects.items()}
