"""docker-compose.yml and what it mounts: pinned, locked down, healthy, and made of files that exist."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from burnline.app.build import write_files
from burnline.app.trace_links import fill
from burnline.dashboards.links import filled
from burnline.settings import Settings
from burnline.spec.load import load_services
from tests.programs import program

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOTS = {"prepare", "profile", "generate"}
HEADLESS = ONE_SHOTS | {"load"}  # nothing listens there
SCRATCH = {"collector", "loki", "tempo"}  # their images hold no program to ask with: Prometheus asks
each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_every_image_is_pinned_or_built_here(name: str) -> None:
    image = SERVICES[name]["image"]

    assert image == "burnline:local" or re.fullmatch(r"[a-z]+/[a-z-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", image)


@each_service
def test_every_container_is_locked_down(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert int(service["user"].split(":")[0]) > 0
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert all("noexec" in mount for mount in service["tmpfs"])


@each_service
def test_every_port_is_published_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@each_service
def test_every_server_says_whether_it_is_well(name: str) -> None:
    check = SERVICES[name]["healthcheck"]

    assert check == {"disable": True} if name in HEADLESS | SCRATCH else check["test"][0] == "CMD"


@each_service
def test_what_a_container_waits_for_exists_and_can_happen(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        condition = wanted["condition"]
        assert (condition == "service_completed_successfully") == (other in ONE_SHOTS), (name, other)


@each_service
def test_every_volume_is_declared_and_every_mounted_path_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, _, options = volume.partition(":")
        if source.startswith("./"):
            assert (ROOT / source).exists(), volume
            assert options.endswith(":ro"), volume
        else:
            assert source in COMPOSE["volumes"], volume


def test_no_secret_stands_in_the_file() -> None:
    named = {name for service in SERVICES.values() for name in service.get("secrets", [])}

    assert named == set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().split()


def test_a_secret_file_is_as_good_as_the_variable(tmp_path: Path) -> None:
    (tmp_path / "burnline_token").write_text("s3cret\n")

    assert Settings(_secrets_dir=tmp_path).token == "s3cret"


def test_only_what_must_be_reached_from_outside_can_be() -> None:
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}

    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert outside == {"burnline", "alertmanager", "grafana", "collector"}


def test_the_image_runs_as_nobody_special_from_pinned_parts() -> None:
    text = (ROOT / "Dockerfile").read_text()

    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]
    assert all(
        re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+\S*", image) for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    )
    assert "--require-hashes" in text
    assert "HEALTHCHECK" in text


def test_the_image_is_made_of_every_folder_of_the_package() -> None:
    copied = set(re.findall(r"^COPY (\S+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    linked = {path.name for path in (ROOT / "src" / "burnline").iterdir() if path.is_symlink()}

    assert linked <= copied <= allowed | {"--from=build"}


def test_grafana_and_prometheus_read_what_build_writes(tmp_path: Path) -> None:
    specs = load_services(ROOT / "deploy" / "services")
    written = {
        path.relative_to(tmp_path).parent.name
        for path in write_files(specs, tmp_path, "http://burnline:8600", now=datetime(2026, 11, 25, tzinfo=UTC))
    }
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    dashboards = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/burnline.yml").read_text())

    assert written == {"prometheus", "alertmanager", "grafana"}
    assert "/generated/prometheus/*.yml" in prometheus["rule_files"]
    assert dashboards["providers"][0]["options"]["path"] == "/generated/grafana"
    assert any("/generated/alertmanager/alertmanager.yml" in word for word in SERVICES["alertmanager"]["command"])


def test_every_service_that_is_scraped_is_part_of_the_compose_file() -> None:
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    targets = [job["static_configs"][0]["targets"][0] for job in prometheus["scrape_configs"]]

    assert {target.split(":")[0] for target in targets} <= set(SERVICES) | {"127.0.0.1"}


def test_whoever_cannot_be_asked_inside_is_scraped() -> None:
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    targets = {job["static_configs"][0]["targets"][0].split(":")[0] for job in prometheus["scrape_configs"]}

    assert targets >= SCRATCH


def test_the_collector_sends_where_somebody_listens() -> None:
    config = yaml.safe_load((ROOT / "deploy/otel/collector.yml").read_text())
    exporters = {name: urlsplit(each["endpoint"]).hostname for name, each in config["exporters"].items()}
    used = {name for each in config["service"]["pipelines"].values() for name in each["exporters"]}
    steps = {name for each in config["service"]["pipelines"].values() for name in each["processors"]}

    assert used == set(exporters)
    assert set(exporters.values()) <= set(SERVICES)
    assert steps == set(config["processors"])
    assert config["extensions"]["bearertokenauth"]["filename"] == "/run/secrets/burnline_token"
    assert SERVICES["burnline"]["environment"]["BURNLINE_OTLP_ENDPOINT"] == "http://collector:4318"


def test_every_source_of_grafana_is_a_service_and_leads_to_sources_that_are_there() -> None:
    text = (ROOT / "deploy/grafana/provisioning/datasources/burnline.yml").read_text()
    sources = {each["uid"]: each for each in yaml.safe_load(text)["datasources"]}

    assert {urlsplit(each["url"]).hostname for each in sources.values()} == set(sources) <= set(SERVICES)
    assert set(re.findall(r"datasourceUid: (\w+)", text)) == set(sources)


def test_the_links_of_panels_lead_to_sources_of_grafana() -> None:
    given = SERVICES["generate"]["environment"]
    settings = Settings(trace_search_url=given["BURNLINE_TRACE_SEARCH_URL"], logs_url=given["BURNLINE_LOGS_URL"])

    traces, logs = (
        json.loads(parse_qs(urlsplit(filled(url, "shop")).query)["panes"][0])["a"]
        for url in (settings.trace_search_url, settings.logs_url)
    )

    assert (traces["datasource"], traces["queries"][0]["query"]) == ("tempo", '{resource.service.name="shop"}')
    assert (logs["datasource"], logs["queries"][0]["expr"]) == ("loki", '{service_name="shop"}')
    assert traces["range"] == logs["range"] == {"from": "${__from}", "to": "${__to}"}
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]


def test_the_links_of_incidents_are_taken_and_lead_to_sources_of_grafana() -> None:
    given = SERVICES["burnline"]["environment"]
    settings = Settings(trace_url=given["BURNLINE_TRACE_URL"], logs_url=given["BURNLINE_LOGS_URL"])
    trace, logs = (
        json.loads(parse_qs(urlsplit(fill(url, values)).query)["panes"][0])["a"]
        for url, values in (
            (settings.trace_url, {"trace_id": "ab" * 16}),
            (settings.logs_url, {"service": "shop", "from": "1", "until": "2"}),
        )
    )

    assert (trace["datasource"], trace["queries"][0]["query"]) == ("tempo", "ab" * 16)
    assert (logs["datasource"], logs["queries"][0]["expr"]) == ("loki", '{service_name="shop"}')
    assert logs["range"] == {"from": "1", "to": "2"}


@pytest.mark.integration
@pytest.mark.parametrize(
    "words", [("config", "--syntax-only", "prometheus.yml"), ("rules", "watchdog.yml")], ids=["config", "rules"]
)
def test_promtool_accepts_the_prometheus_files(words: tuple[str, ...]) -> None:
    *check, file = words
    path = ROOT / "deploy" / "prometheus" / file

    done = subprocess.run(
        [program("promtool"), "check", *check, str(path)], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.integration
def test_docker_compose_accepts_the_file() -> None:
    compose = program("docker-compose")

    answer = subprocess.run(
        [compose, "--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml"), "config", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (answer.returncode, answer.stderr) == (0, "")
