"""`burnline up`: one process, stopped gracefully by SIGINT or SIGTERM."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from burnline.app.application import create_app
from burnline.app.server import address_of, listen, make_server, stop_on_signals
from burnline.app.web.access import WebAccess
from burnline.app.wiring import build
from burnline.settings import read_settings
from burnline.telemetry import setup_logging

log = logging.getLogger("burnline")

# How long a busy worker may keep the interpreter from the doors, which ask for it after every wait: with Python's own
# 5 ms the slowest of a hundred webhooks took more than twice as long (benchmarks/webhooks.py).
SWITCH_SECONDS = 0.0005


def run_server(overrides: Mapping[str, Any]) -> None:
    """Serve until stopped; `overrides` win over the environment.

    Raises: SpecError, StoreError, BurnlineError before anything runs.
    """
    stop_on_signals()
    setup_logging(sys.stderr)
    sys.setswitchinterval(SWITCH_SECONDS)
    settings = read_settings(**overrides)
    access = WebAccess(settings.web_config) if settings.web_config else None
    with listen(settings) as address:
        burnline = build(settings)
        app = create_app(burnline, access)
        server = app.state.server = make_server(app, access.tls if access else None)
        names = ", ".join(spec.service for spec in burnline.specs)
        scheme = "https" if access and access.tls else "http"
        url = f"{scheme}://{address_of(settings.host, settings.port)}"
        log.info("up", extra={"services": names, "url": url})
        if sys.stdout.isatty():  # for whoever sits there; the log goes to stderr
            sys.stdout.write(f"watching {names}: {url} (Ctrl-C stops it)\n")
            sys.stdout.flush()
        try:
            server.run([address])
        finally:  # by way of SystemExit, as the signal is raised again when all is let go
            log.info("down", extra={"stopped_by": server.stopped_by or "itself"})
