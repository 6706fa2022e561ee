"""From panels to Grafana's JSON, by grafanalib, brought up to what Grafana 11 to 13 read.

grafanalib 0.7.1 writes the JSON of Grafana 5 to 9: string datasources, the text "null" as a threshold, 100 points per
graph, `null` for whatever is not set. `modern` is the one place that knows better; nothing leaves without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import attr
from grafanalib.core import Dashboard, GridPos, RowPanel, Target, Templating
from grafanalib.core import Panel as GrafanaPanel

from burnline.dashboards.links import Places, data_links, has_exemplars
from burnline.dashboards.panels import Panel, Query, Row
from burnline.dashboards.service import service_rows
from burnline.spec.service import ServiceSpec

SCHEMA_VERSION = 41  # Grafana 11; later ones migrate it on load
COLUMNS = 24
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
ROW_KEYS = ("type", "id", "title", "gridPos", "collapsed")
PANEL_KEYS = ("type", "id", "title", "description", "datasource", "gridPos", "targets", "fieldConfig", "options")
TARGET_KEYS = ("datasource", "expr", "legendFormat", "refId", "instant", "range", "exemplar")
DASHBOARD_KEYS = (
    "uid", "title", "description", "tags", "schemaVersion", "version", "editable", "graphTooltip", "time", "timezone",
    "refresh", "templating", "links", "panels", "annotations",
)  # fmt: skip
Json = dict[str, Any]
Links = Callable[[Panel], Sequence[Json]]


def render_dashboard(spec: ServiceSpec, places: Places | None = None) -> str:
    """The dashboard of a service as Grafana's JSON, with links to `places`; the same spec gives the same bytes."""
    dashboard = Dashboard(
        title=spec.service,
        uid=f"svc-{spec.service}"[:40],
        description=spec.description,
        tags=["burnline", spec.owner],
        schemaVersion=SCHEMA_VERSION,
        editable=False,
        refresh="1m",
        timezone="browser",
        sharedCrosshair=True,
        templating=Templating([_datasource_variable()]),
        panels=_panels(service_rows(spec), partial(data_links, service=spec.service, places=places or Places())),
    ).auto_panel_ids()
    return json.dumps(modern(dashboard.to_json_data()), indent=2, default=lambda part: part.to_json_data()) + "\n"


def modern(dashboard: Json) -> Json:
    """grafanalib's dashboard JSON as today's Grafana reads it: known keys only, nothing null, typed datasources."""
    plain = json.loads(json.dumps(dashboard, default=lambda part: part.to_json_data()))
    return {**_kept(plain, DASHBOARD_KEYS), "panels": [_modern_panel(panel) for panel in plain["panels"]]}


def _modern_panel(panel: Json) -> Json:
    if panel["type"] == "row":
        inner = [_modern_panel(part) for part in panel.get("panels") or []]
        return {**_kept(panel, ROW_KEYS), "panels": inner}
    return {**_kept(panel, PANEL_KEYS), "targets": [_kept(target, TARGET_KEYS) for target in panel["targets"]]}


def _kept(part: Json, keys: Sequence[str]) -> Json:
    return {key: part[key] for key in keys if part.get(key) is not None}


@attr.s(auto_attribs=True)
class ModernPanel(GrafanaPanel):  # type: ignore[misc]  # grafanalib has no types
    """A panel of any kind: grafanalib's frame, our options."""

    kind: str = "timeseries"
    options: Json = attr.ib(factory=dict)
    field_config: Json = attr.ib(factory=dict)

    def to_json_data(self) -> Json:
        """The panel in Grafana's form."""
        shaped: Json = self.panel_json({"type": self.kind, "options": self.options})
        return {**shaped, "fieldConfig": self.field_config, "datasource": DATASOURCE}


@attr.s(auto_attribs=True)
class ModernTarget(Target):  # type: ignore[misc]  # grafanalib has no types
    """A query with the three keys that Target lacks."""

    exemplar: bool | None = None

    def to_json_data(self) -> Json:
        """The query in Grafana's form."""
        own = {"datasource": DATASOURCE, "range": not self.instant, "exemplar": self.exemplar}
        return {**super().to_json_data(), **own}


def _panels(rows: Sequence[Row], links: Links) -> list[Any]:
    drawn: list[Any] = []
    top = 0
    for row in rows:
        if row.title:
            title = RowPanel(title=row.title, gridPos=GridPos(h=1, w=COLUMNS, x=0, y=top), collapsed=row.collapsed)
            drawn.append(title)
            top += 1
        placed = list(_placed(row.panels, top, links))
        if row.collapsed:
            title.panels = [panel for panel, _ in placed]
            continue
        drawn += [panel for panel, _ in placed]
        top = max((bottom for _, bottom in placed), default=top)
    return drawn


def _placed(panels: Sequence[Panel], top: int, links: Links) -> Iterator[tuple[ModernPanel, int]]:
    left = height = 0
    for panel in panels:
        if left + panel.width > COLUMNS:
            top, left, height = top + height, 0, 0
        height = max(height, panel.height)
        yield _panel(panel, GridPos(h=panel.height, w=panel.width, x=left, y=top), links), top + height
        left += panel.width


def _panel(panel: Panel, place: GridPos, links: Links) -> ModernPanel:
    return ModernPanel(  # type: ignore[call-arg]  # grafanalib has no types
        title=panel.title,
        description=panel.description,
        kind=panel.kind,
        gridPos=place,
        targets=[_target(query, n, panel) for n, query in enumerate(panel.queries)],
        options=_stat_options() if panel.kind == "stat" else _graph_options(panel),
        field_config={"defaults": _field(panel, links(panel)), "overrides": []},
    )


def _target(query: Query, n: int, panel: Panel) -> ModernTarget:
    return ModernTarget(  # type: ignore[call-arg]  # grafanalib has no types
        expr=query.expr,
        legendFormat=query.legend,
        refId=chr(ord("A") + n),
        instant=panel.kind == "stat",
        exemplar=True if has_exemplars(query) and panel.kind == "timeseries" else None,
    )


def _field(panel: Panel, links: Sequence[Json]) -> Json:
    field: Json = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": [{"value": None, "color": panel.base}, *_steps(panel)]},
        "noValue": "no data",
    }
    if links:
        field["links"] = list(links)
    if panel.low is not None:
        field["min"] = panel.low
    if panel.high is not None:
        field["max"] = panel.high
    if panel.kind == "timeseries":
        field["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 5,
            "showPoints": "never",
            "spanNulls": False,
            "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
        }
    return field


def _steps(panel: Panel) -> list[Json]:
    return [{"value": threshold.value, "color": threshold.color} for threshold in panel.thresholds]


def _stat_options() -> Json:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "value",
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
    }


def _graph_options(panel: Panel) -> Json:
    return {
        "legend": {
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": any(query.legend for query in panel.queries),
            "calcs": [],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _datasource_variable() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}
