"""`burnline build`: what Prometheus, Alertmanager and Grafana need, from the same service files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from burnline.alerting.config import render_alertmanager
from burnline.dashboards.grafana import render_dashboard
from burnline.slo.rules import render_rules
from burnline.spec.service import ServiceSpec


def write_files(specs: Sequence[ServiceSpec], out: Path, burnline_url: str, token_file: str = "") -> list[Path]:
    """Write the files below `out` and return their paths; the same specs give the same bytes."""
    files = {
        out / "prometheus" / "burnline-rules.yml": render_rules(specs),
        out / "alertmanager" / "alertmanager.yml": render_alertmanager(
            specs, f"{burnline_url}/v1/alerts", token_file=token_file
        ),
        **{out / "grafana" / f"svc-{spec.service}.json": render_dashboard(spec) for spec in specs},
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return list(files)
