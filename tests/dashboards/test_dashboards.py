"""The dashboards: what Grafana reads, and whether their queries can be asked."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

from burnline import metrics
from burnline.dashboards.given import asked
from burnline.dashboards.grafana import SCHEMA_VERSION, modern, render_dashboard
from burnline.dashboards.panels import Unit
from burnline.dashboards.service import COLLAPSED, ROWS, service_rows
from burnline.metrics.register import MEASURED
from burnline.spec.load import load_service
from burnline.spec.service import ServiceSpec
from tests.dashboards.full import everything

with warnings.catch_warnings():  # the class that reads classic dashboards is deprecated in favour of a new format
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = sorted((REPOSITORY / "examples" / "services").glob("*.yaml"))
UNITS = set(get_args(Unit))
GRAFANA_VARIABLES = {"$__rate_interval": "5m", "$__range": "1h", "$__interval": "1m"}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def spec(request: pytest.FixtureRequest) -> ServiceSpec:
    """Each example service."""
    return load_service(request.param)


@pytest.fixture(scope="module", params=[*EXAMPLES, None], ids=lambda path: path.stem if path else "everything")
def rendered(request: pytest.FixtureRequest) -> str:
    """The dashboard of each example, and of a service that declares everything."""
    return render_dashboard(load_service(request.param) if request.param else everything())


@pytest.fixture
def dashboard(rendered: str) -> Any:
    """It as Grafana would read it."""
    return json.loads(rendered)


def panels(dashboard: Any) -> Iterator[Any]:
    """Every panel, those inside collapsed rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def drawn(dashboard: Any) -> list[Any]:
    """Every panel that asks something."""
    return [panel for panel in panels(dashboard) if panel["type"] != "row"]


def queries(dashboard: Any) -> list[str]:
    """Every expression, with Grafana's variables filled in."""
    found = [target["expr"] for panel in drawn(dashboard) for target in panel["targets"]]
    for variable, value in GRAFANA_VARIABLES.items():
        found = [expr.replace(variable, value) for expr in found]
    return found


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested JSON with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{n}]")
    else:
        yield path, value


def as_grafana_reads(dashboard: Any) -> Any:
    """The dashboard through Grafana's own types: what they do not know is gone."""
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


def test_there_are_examples() -> None:
    assert EXAMPLES


def test_every_query_parses(dashboard: Any) -> None:
    for expr in queries(dashboard):
        promql_parser.parse(expr)


def test_counters_are_only_read_as_rates_over_grafanas_interval_or_a_day(dashboard: Any) -> None:
    raw = [target["expr"] for panel in drawn(dashboard) for target in panel["targets"]]

    for expr in raw:
        for counter in re.finditer(r"[\w:]+_(total|bucket)\b", expr):
            before, after = expr[: counter.start()], expr[counter.end() :]
            assert re.search(r"(rate|increase)\($", before), expr
            assert re.match(r"(\{[^}]*\})?\[(\$__rate_interval|1d)\]", after), expr


def test_every_own_metric_in_a_query_is_declared(dashboard: Any) -> None:
    source = "".join(file.read_text() for file in sorted(Path(metrics.__file__).parent.glob("*.py")))

    for expr in queries(dashboard):
        for name in re.findall(r"\bburnline_\w+", expr):
            assert asked(name) <= MEASURED.keys() or f'"{name}"' in source, name


def test_grafanas_own_types_know_every_key(dashboard: Any) -> None:
    read = as_grafana_reads(dashboard)

    lost = dict(leaves(dashboard)).items() - dict(leaves(read)).items()
    assert not lost


def test_a_misspelt_key_would_be_lost(dashboard: Any) -> None:
    dashboard["panels"][0]["options"]["colourMode"] = "value"

    read = as_grafana_reads(dashboard)

    assert "colourMode" not in json.dumps(read)


def test_every_panel_says_what_it_answers(dashboard: Any) -> None:
    for panel in drawn(dashboard):
        assert panel["title"]
        assert "?" in panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["targets"]


def test_every_panel_and_query_uses_the_datasource_variable(dashboard: Any) -> None:
    for panel in drawn(dashboard):
        assert panel["datasource"]["uid"] == "${datasource}"
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
    assert [variable["type"] for variable in dashboard["templating"]["list"]] == ["datasource"]


def test_panels_neither_overlap_nor_leave_the_page(dashboard: Any) -> None:
    for panel in panels(dashboard):
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in dashboard["panels"]], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, (one, other)


def test_ids_are_unique_and_nothing_is_null_but_the_base_of_thresholds(dashboard: Any) -> None:
    ids = [panel["id"] for panel in panels(dashboard)]
    nulls = [path for path, value in leaves(dashboard) if value is None]

    assert len(ids) == len(set(ids))
    assert all(path.endswith("thresholds.steps[0].value") for path in nulls), nulls


def test_no_panel_thins_out_its_points_and_nothing_refreshes_faster_than_data(dashboard: Any) -> None:
    assert not [panel for panel in panels(dashboard) if "maxDataPoints" in panel]
    assert dashboard["refresh"] == "1m"
    assert dashboard["editable"] is False


def test_burn_rate_thresholds_come_from_the_objective(spec: ServiceSpec) -> None:
    promise = next(row for row in service_rows(spec) if row.title == "SLOs")

    burn = next(panel for panel in promise.panels if panel.title == "availability: burn rate")

    assert max(threshold.value for threshold in burn.thresholds) == 14.4


def test_a_row_without_signals_is_left_out(spec: ServiceSpec) -> None:
    bare = spec.model_copy(update={"collect": (), "signals": type(spec.signals)(), "runbooks": ()})

    titles = [row.title for row in service_rows(bare)]

    assert "Model" not in titles
    assert "GPU" not in titles
    assert "Response" not in titles


def test_members_policy_maintenance_and_gauges_have_panels_where_they_are(spec: ServiceSpec) -> None:
    both = {"name": "both", "objective": "99%", "window": {"calendar": "month"}}
    body = {
        "apiVersion": "burnline/v1",
        "service": "shop",
        "owner": "team",
        "slos": [
            slo("depth", {"threshold": {"gauge": "queue_depth", "above": 100}}),
            slo("fresh", {"freshness": {"timestamp": "last_success_seconds", "max_age": "15m"}}),
            slo("orders", {"throughput": {"counter": "orders_total", "at_least": 100}}),
            {**both, "sli": {"composite": {"worst_of": ["depth", "fresh"]}}},
        ],
        "exclude": [{"from": "2026-01-05T13:00:00Z", "for": "1h", "reason": "move"}],
        "budget_policy": [{"left": "25%", "do": "freeze_releases"}],
    }
    shop = ServiceSpec.model_validate(body)

    found = {panel.title: panel for row in service_rows(shop) for panel in row.panels}
    plain = {panel.title for row in service_rows(spec) for panel in row.panels}

    assert found["depth: gauge"].thresholds[0].value == 100
    assert found["fresh: age"].queries[0].expr == "time() - min(last_success_seconds)"
    assert "0.3333/s" in found["orders: throughput"].question
    assert [query.legend for query in found["both: members"].queries] == [
        "both over 1h",
        "depth over 1h",
        "fresh over 1h",
    ]
    assert "the budget of this month (UTC)" in found["both: budget left"].question
    assert "freeze_releases at 25%" in found["Budget policy"].question
    assert not plain & {"Budget policy", "Maintenance"}
    for expr in queries(json.loads(render_dashboard(shop))):
        promql_parser.parse(expr)


def slo(name: str, sli: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "objective": "99%", "window": "30d", "sli": sli}


def test_the_same_spec_gives_the_same_bytes(spec: ServiceSpec, golden: Callable[[Path, str], None]) -> None:
    first, second = render_dashboard(spec), render_dashboard(spec)

    assert first == second
    golden(Path(__file__).parent / "golden" / f"svc-{spec.service}.json", first)


def test_what_is_new_to_grafanalib_does_not_slip_through() -> None:
    raw = {"panels": [{"type": "row", "collapsed": False, "panels": None, "span": 3}], "rows": [], "uid": None}

    assert modern(raw) == {"panels": [{"type": "row", "collapsed": False, "panels": []}]}


def test_the_page_on_dashboards_names_every_row_and_where_the_files_are() -> None:
    page = (REPOSITORY / "docs" / "dashboards.md").read_text()

    rows = re.findall(r"^\| (?!Row|\(top\))([^|-][^|]*) \|.*\| *([^|]*?) *\|$", page, re.MULTILINE)

    assert [title for title, _ in rows] == [title for title in ROWS if title]
    assert {title for title, when in rows if when.endswith("Collapsed.")} == COLLAPSED
    assert "out/grafana/svc-NAME.json" in page
    assert f"schema version {SCHEMA_VERSION}" in page
