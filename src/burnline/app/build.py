"""`burnline build`: what Prometheus, Alertmanager and Grafana need, from the same service files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from burnline.alerting.config import SECRETS_DIR, render_alertmanager
from burnline.dashboards.grafana import render_dashboard
from burnline.errors import BurnlineError
from burnline.slo.compiler.k8s import prometheus_rules, render_object
from burnline.slo.compiler.rules import HEADER, Layout, compile_rules, render_rules
from burnline.spec.address import check_secret, check_url
from burnline.spec.receivers import MailServer, mail_server
from burnline.spec.service import ServiceSpec

Form = Literal["rules", "prometheusrule"]


@dataclass(frozen=True, slots=True)
class For:
    """The Alertmanager that the configuration is for, as `alertmanager_config` is told of it."""

    version: str = "0.25"
    secrets_dir: str = SECRETS_DIR
    mail: MailServer | None = None
    heartbeat: str = ""


def alertmanager_for(version: str, secrets_dir: str, smtp: str, smtp_from: str, heartbeat: str) -> For:
    """What the options say.

    Raises: BurnlineError for a mail server or a heartbeat that is none.
    """
    try:
        option = "--smtp"
        mail = mail_server(smtp, smtp_from)
        option = "--heartbeat"
        if heartbeat.startswith("file:"):
            check_secret(heartbeat)
        elif heartbeat:
            check_url(heartbeat)
    except ValueError as error:
        raise BurnlineError(f"{option}: {error}") from error
    return For(version, secrets_dir, mail, heartbeat)


def write_files(
    specs: Sequence[ServiceSpec],
    out: Path,
    burnline_url: str,
    token_file: str = "",
    *,
    now: datetime,
    form: Form = "rules",
    layout: Layout = "burnline",
    alertmanager: For | None = None,
) -> list[Path]:
    """Write the files below `out` and return their paths; the same specs give the same bytes within a month."""
    for_ = alertmanager or For()
    files = {
        **{out / "prometheus" / name: text for name, text in rule_files(specs, now, form, layout).items()},
        out / "alertmanager" / "alertmanager.yml": render_alertmanager(
            specs, f"{burnline_url}/v1/alerts", token_file=token_file, **_options(for_)
        ),
        **{out / "grafana" / f"svc-{spec.service}.json": render_dashboard(spec) for spec in specs},
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return list(files)


def _options(target: For) -> dict[str, Any]:
    return {each.name: getattr(target, each.name) for each in fields(target)}


def rule_files(specs: Sequence[ServiceSpec], now: datetime, form: Form, layout: Layout) -> dict[str, str]:
    """File name to text: one rule file, or one file for each Kubernetes object."""
    if form == "rules":
        return {"burnline-rules.yml": render_rules(specs, now=now, layout=layout)}
    objects = prometheus_rules(compile_rules(specs, now=now, layout=layout)["groups"])
    return {f"{name}.yaml": HEADER + render_object(body) for name, body in objects.items()}
