"""`burnline up`: one process, stopped gracefully by SIGINT or SIGTERM."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from burnline.app.application import create_app
from burnline.app.server import make_server
from burnline.app.wiring import build
from burnline.settings import Settings
from burnline.telemetry import setup_logging

log = logging.getLogger("burnline")


def run_server(overrides: Mapping[str, Any]) -> None:
    """Serve until stopped; `overrides` win over the environment.

    Raises: SpecError, StoreError before anything runs.
    """
    setup_logging(sys.stderr)
    settings = Settings(**overrides)
    burnline = build(settings)
    app = create_app(burnline)
    server = app.state.server = make_server(app, settings)
    names = ", ".join(spec.service for spec in burnline.specs)
    log.info("up", extra={"services": names, "url": f"http://{settings.host}:{settings.port}"})
    server.run()
