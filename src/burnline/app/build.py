"""`burnline build`: what Prometheus, Alertmanager and Grafana need, from the same service files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from burnline.alerting.config import SECRETS_DIR, render_alertmanager
from burnline.collectors.mapping import EXPORTERS, machine_rules
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.rules import serving_rules
from burnline.dashboards.grafana import render_dashboard
from burnline.dashboards.links import Places
from burnline.errors import BurnlineError
from burnline.metrics import SERVICE
from burnline.runbooks.load import Catalogue
from burnline.runbooks.markdown import render_runbook
from burnline.runbooks.match import runbook_link
from burnline.slo.compiler.k8s import prometheus_rules, render_object
from burnline.slo.compiler.rules import HEADER, Layout, compile_rules
from burnline.slo.compiler.yaml import dump
from burnline.spec.address import check_receiver, check_secret, check_url
from burnline.spec.collect import ScrapeSpec
from burnline.spec.host import host_of
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
    others: tuple[str, ...] = ()


def alertmanager_for(
    version: str, secrets_dir: str, smtp: str, smtp_from: str, heartbeat: str, others: Sequence[str] = ()
) -> For:
    """What the options say.

    Raises: BurnlineError for a mail server, a heartbeat or a receiver that is none.
    """
    try:
        option = "--smtp"
        mail = mail_server(smtp, smtp_from)
        option = "--heartbeat"
        if heartbeat.startswith("file:"):
            check_secret(heartbeat)
        elif heartbeat:
            check_url(heartbeat)
        option = "--others"
        heard = tuple(map(check_receiver, others))
    except ValueError as error:
        raise BurnlineError(f"{option}: {error}") from error
    return For(version, secrets_dir, mail, heartbeat, heard)


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
    public_url: str = "",
    catalogue: Catalogue | None = None,
    places: Places | None = None,
) -> list[Path]:
    """Write the files below `out` and return their paths; the same specs give the same bytes within a month.

    Args:
        public_url: where people reach burnline, for the links from alerts to runbooks; empty is `burnline_url`.
        catalogue: the runbooks to write as pages for people.
        places: where panels lead, to the traces and logs of their service.
    """
    for_ = alertmanager or For()
    rules = rule_files(specs, now, form, layout, public_url or burnline_url)
    files = {
        **{out / "prometheus" / name: text for name, text in rules.items()},
        out / "alertmanager" / "alertmanager.yml": render_alertmanager(
            specs, f"{burnline_url}/v1/alerts", token_file=token_file, **_options(for_)
        ),
        **{out / "grafana" / f"svc-{spec.service}.json": render_dashboard(spec, places) for spec in specs},
        **{out / "runbooks" / name: text for name, text in runbook_pages(catalogue).items()},
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return list(files)


def _options(target: For) -> dict[str, Any]:
    return {each.name: getattr(target, each.name) for each in fields(target)}


def rule_files(
    specs: Sequence[ServiceSpec], now: datetime, form: Form, layout: Layout, url: str = ""
) -> dict[str, str]:
    """File name to text: one rule file, or one file for each Kubernetes object; alerts link to runbooks below `url`."""
    groups = linked(compile_rules(specs, now=now, layout=layout)["groups"], specs, url)
    measured = {"machine.yml": machine_groups(specs), "serving.yml": serving_groups(specs)}
    if form == "rules":
        files = {"burnline-rules.yml": groups, **{name: found for name, found in measured.items() if found}}
        return {name: HEADER + dump({"groups": found}) for name, found in files.items()}
    objects = prometheus_rules([*groups, *(group for found in measured.values() for group in found)])
    return {f"{name}.yaml": HEADER + render_object(body) for name, body in objects.items()}


def machine_groups(specs: Sequence[ServiceSpec]) -> list[dict[str, Any]]:
    """The rules that give hosts and GPUs one name, whoever measures them; of those that some service collects."""
    items = [item for spec in specs for item in spec.collect]
    asked = {item.profile if isinstance(item, ScrapeSpec) else str(item) for item in items}
    if host_of(items) is not None:
        asked.add("host")
    profiles = [profile for here, profile in EXPORTERS.items() if {here, profile} & asked]
    return machine_rules({name: load_profile(name) for name in profiles})


def serving_groups(specs: Sequence[ServiceSpec]) -> list[dict[str, Any]]:
    """The rules that give serving engines one set of names, of those engines that some service names."""
    named = {item.profile for spec in specs for item in spec.collect if isinstance(item, ScrapeSpec)} - {"http"}
    return serving_rules({name: load_profile(name) for name in sorted(named)})


def linked(groups: Sequence[Any], specs: Sequence[ServiceSpec], url: str) -> list[dict[str, Any]]:
    """The groups of rules, each alert with a link to the runbook that it starts, below burnline's `url`."""
    known = {spec.service: spec for spec in specs}
    return [{**group, "rules": [_linked(rule, known, url) for rule in group["rules"]]} for group in groups]


def _linked(rule: Mapping[str, Any], specs: Mapping[str, ServiceSpec], url: str) -> Mapping[str, Any]:
    labels = {**rule.get("labels", {}), "alertname": rule.get("alert", "")}
    spec = specs.get(labels.get(SERVICE, ""))
    link = runbook_link(spec, labels, url) if spec is not None and "alert" in rule else {}
    return {**rule, "annotations": {**rule["annotations"], **link}} if link else rule


def runbook_pages(catalogue: Catalogue | None) -> dict[str, str]:
    """File name to text: each runbook as a page for people."""
    recipes = catalogue.all() if catalogue is not None else ()
    return {f"{each.runbook.id}.md": render_runbook(each) for each in recipes}
