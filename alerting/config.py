"""Alertmanager's configuration, from the service files: who hears of what, and burnline of everything.

Shapes were tried on Alertmanager 0.25; what a later version adds is written only when `version` says so, because an
older one refuses the whole file for one unknown key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from burnline.alerting.config_inhibit import inhibit_rules
from burnline.alerting.config_receivers import (
    Output,
    burnline_receiver,
    heartbeat_receiver,
    mail_settings,
    others_receiver,
    people_receivers,
)
from burnline.alerting.config_routes import NOBODY, route, time_intervals
from burnline.spec.receivers import MailServer
from burnline.spec.service import ServiceSpec

HEADER = "# Written by `burnline build` from the service files: change those, not this.\n"
SECRETS_DIR = "/etc/alertmanager/secrets"


def alertmanager_config(
    specs: Sequence[ServiceSpec],
    *,
    webhook_url: str,
    version: str = "0.25",
    token_file: str = "",
    secrets_dir: str = SECRETS_DIR,
    mail: MailServer | None = None,
    heartbeat: str = "",
    others: Sequence[str] = (),
) -> dict[str, Any]:
    """The configuration as plain data, in a stable order.

    Args:
        webhook_url: burnline's POST /v1/alerts, as Alertmanager reaches it.
        version: the Alertmanager it is for.
        token_file: where Alertmanager finds the bearer token that burnline asks for; empty means none.
        secrets_dir: the folder, on Alertmanager's host, with one file for each receiver's secret.
        mail: who delivers what is for `mailto:` receivers.
        heartbeat: the URL (or `file:/path` of it) of somebody else who notices when the Watchdog falls silent.
        others: who hears of alerts that no service file covers: of another severity, or of nobody's service and team.

    Raises: SpecError when a receiver of a service cannot be written for this version; BurnlineError for a version that
    is none, and for a heartbeat and others that cannot be.
    """
    output = Output.of(version, secrets_dir, mail, others)
    services = sorted(specs, key=lambda spec: spec.service)
    intervals = time_intervals(services)
    return {
        **mail_settings(services, output),
        "route": route(services, heartbeat=bool(heartbeat), others=bool(others)),
        **({"time_intervals": intervals} if intervals else {}),
        "inhibit_rules": inhibit_rules(services, output.known),
        "receivers": [
            {"name": NOBODY},
            burnline_receiver(webhook_url, token_file, output),
            *([heartbeat_receiver(heartbeat, output)] if heartbeat else []),
            *people_receivers(services, output),
            *others_receiver(output),
        ],
    }


def render_alertmanager(specs: Sequence[ServiceSpec], webhook_url: str, **how: Any) -> str:
    """alertmanager.yml, made as `alertmanager_config` is told to; the same specs give the same bytes."""
    config = alertmanager_config(specs, webhook_url=webhook_url, **how)
    return HEADER + yaml.safe_dump(config, sort_keys=False, width=120, allow_unicode=True)
