"""One name per quantity: the rules, promtool's opinion, and a real Prometheus that scrapes both sources."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from burnline.collectors.mapping import EXPORTERS, expression, machine_rules, recorded
from burnline.collectors.profiles.load import load_profile
from burnline.collectors.profiles.model import Profile
from burnline.metrics.register import MEASURED
from burnline.slo.compiler.yaml import dump
from tests.programs import free_port, program, running, wait_until

GROUPS = machine_rules({name: load_profile(name) for name in EXPORTERS.values()})
PROFILE = {
    "title": "Test",
    "page": "http://h/metrics",
    "covers": "1",
    "source": "here",
    "recognise": {"must": ["a"]},
    "labels": {"UUID": "uuid"},
}


def expr(quantity: dict[str, Any], *, name: str = "burnline_gpu_power_watts") -> str:
    profile = Profile.model_validate({**PROFILE, "quantities": {name: quantity}})
    return expression(name, profile.quantities[name], profile)


def test_every_quantity_of_an_exporter_is_recorded_once_under_a_name_made_of_burnlines_own() -> None:
    names = [rule["record"] for group in GROUPS for rule in group["rules"]]

    assert len(names) == len(set(names))
    assert set(names) <= {recorded(name) for name in MEASURED}
    assert {"machine:gpu_power_watts", "machine:host_memory_available_bytes"} <= set(names)


def test_the_exporters_series_is_scaled_relabelled_and_first_and_burnlines_own_is_last() -> None:
    first, last = expr({"sources": [{"series": "A", "unit": "MiB", "merge": "max"}]}).split("\nor on (uuid)\n")

    assert first.startswith("max by (host, uuid) (label_replace(label_replace(A, ")
    assert first.endswith(" * 1048576")
    assert last.startswith("max by (host, uuid) (label_replace(burnline_gpu_power_watts, ")


def test_older_names_come_after_newer_ones() -> None:
    found = expr({"sources": [{"series": "NEW"}, {"series": "OLD"}]})

    assert found.index("NEW") < found.index("OLD") < found.index("burnline_gpu_power_watts")


def test_parts_are_told_apart_by_the_label_they_add() -> None:
    sources = [{"series": "ENC", "add": {"engine": "encoder"}}, {"series": "DEC", "add": {"engine": "decoder"}}]

    found = expr({"sources": sources})

    assert found.count("or on (uuid, engine)") == 2
    assert 'ENC, "host", "$1", "instance"' in found
    assert '"engine", "encoder", "", "")' in found


def test_several_series_are_added_up() -> None:
    found = expr({"sources": [{"series": ["FREE", "USED"], "unit": "MiB"}]})

    assert 'sum by (host, uuid) (label_replace(label_replace({__name__=~"FREE|USED"}' in found


def test_series_that_are_added_up_under_different_conditions_are_refused() -> None:
    with pytest.raises(ValueError, match="the same conditions"):
        expr({"sources": [{"series": ['FREE{a="1"}', "USED"]}]})


@pytest.mark.integration
def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    (tmp_path / "machine.yml").write_text(dump({"groups": GROUPS}))

    done = subprocess.run(
        [program("promtool"), "check", "rules", str(tmp_path / "machine.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{sum(len(group['rules']) for group in GROUPS)} rules found" in done.stdout


DCGM = """\
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",device="nvidia0",modelName="H100",Hostname="node-1",pod="p"} 500
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-b",device="nvidia0",modelName="H100",hostname="node-2"} 400
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a",modelName="H100",Hostname="node-1"} 5000
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-a",modelName="H100",Hostname="node-1"} 100
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a",modelName="H100",Hostname="node-1"} 20
DCGM_FI_DEV_FB_RESERVED{gpu="0",UUID="GPU-a",modelName="H100",Hostname="node-1"} 3
DCGM_FI_DEV_ENC_UTIL{gpu="0",UUID="GPU-a",modelName="H100",Hostname="node-1"} 50
DCGM_FI_DEV_DEC_UTIL{gpu="0",UUID="GPU-a",modelName="H100",Hostname="node-1"} 25
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-m",modelName="A100",GPU_I_ID="1",GPU_I_PROFILE="3g.40gb",Hostname="node-1"} 7
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-m",modelName="A100",GPU_I_ID="2",GPU_I_PROFILE="1g.10gb",Hostname="node-1"} 2
DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{gpu="1",UUID="GPU-m",modelName="A100",GPU_I_ID="1",Hostname="node-1"} 0.5
DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{gpu="0",UUID="GPU-a",modelName="H100",Hostname="node-1"} 0.25
"""
BURNLINE = """\
burnline_gpu_power_watts{gpu="0",uuid="GPU-a",model="NVIDIA H100 80GB HBM3"} 499
burnline_gpu_power_watts{gpu="0",uuid="GPU-c",model="NVIDIA L4"} 40
burnline_gpu_video_utilization_ratio{gpu="0",uuid="GPU-a",model="NVIDIA H100 80GB HBM3",engine="jpeg"} 0.75
burnline_host_memory_available_bytes 111
burnline_host_memory_size_bytes 222
burnline_host_pressure_seconds_total{resource="io",stall="some"} 8
burnline_host_pressure_seconds_total{resource="irq",stall="full"} 9
burnline_host_network_errors_total{interface="eth0",direction="receive"} 1
burnline_host_network_errors_total{interface="eth1",direction="receive"} 2
"""
NODE = """\
node_memory_MemAvailable_bytes 333
node_load1 0.5
node_load15 0.25
node_pressure_io_waiting_seconds_total 7
node_network_receive_errs_total{device="eth0"} 3
node_network_transmit_errs_total{device="eth0"} 4
node_network_receive_errs_total{device="lo"} 5
node_filesystem_files_free{device="/dev/sda1",fstype="ext4",mountpoint="/"} 6
"""


class Pages(SimpleHTTPRequestHandler):
    """The files of a folder."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped both exporters and burnline, and evaluated the rules."""
    folder = tmp_path_factory.mktemp("machine")
    pages = {"dcgm": DCGM, "burnline": BURNLINE, "node": NODE}
    for name, text in pages.items():
        (folder / f"{name}.txt").write_text(text)
    (folder / "machine.yml").write_text(dump({"groups": GROUPS}))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield from _prometheus(folder, server.server_address[1], list(pages))
        server.shutdown()


def _prometheus(folder: Path, pages_at: int, pages: list[str]) -> Iterator[str]:
    port = free_port()
    scrapes = [
        {
            "job_name": name,
            "metrics_path": f"/{name}.txt",
            "static_configs": [{"targets": [f"127.0.0.1:{pages_at}"]}],
        }
        for name in pages
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{folder}/machine.yml"],
        "scrape_configs": scrapes,
    }
    (folder / "prometheus.yml").write_text(dump(config))
    argv = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(argv, log=folder / "log", url=f"{url}/-/ready") as process:
        wait_until(lambda: settled(url), process, log=folder / "log")
        yield url


def settled(url: str) -> bool:
    """Every page was scraped, and every rule of ours evaluated after that."""
    of_each = {  # burnline, node_exporter, DCGM's exporter
        "machine:host_memory_size_bytes": 222,
        "machine:host_memory_available_bytes": 333,
        'machine:gpu_power_watts{uuid="GPU-b"}': 400,
    }
    return all(len(query(url, f"{series} == {value}")) == 1 for series, value in of_each.items())


def query(url: str, expr: str) -> dict[tuple[tuple[str, str], ...], float]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": expr}, trust_env=False).json()
    return {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in answer["data"]["result"]}


def by(url: str, name: str, *labels: str) -> dict[str, float]:
    """Value by the labels named."""
    return {"/".join(dict(key).get(label, "") for label in labels): v for key, v in query(url, recorded(name)).items()}


@pytest.mark.integration
def test_a_gpu_is_told_once_by_the_exporter_first_and_by_burnline_where_it_alone_knows(prometheus: str) -> None:
    found = by(prometheus, "burnline_gpu_power_watts", "uuid", "host", "model")

    assert found == {"GPU-a/node-1/H100": 500, "GPU-b/node-2/H100": 400, "GPU-c/127.0.0.1/NVIDIA L4": 40}


@pytest.mark.integration
def test_units_are_base_units(prometheus: str) -> None:
    assert by(prometheus, "burnline_gpu_energy_joules_total", "uuid") == {"GPU-a": 5}
    assert by(prometheus, "burnline_gpu_memory_size_bytes", "uuid")["GPU-a"] == 123 * 2**20


@pytest.mark.integration
def test_parts_that_only_one_knows_are_there_too(prometheus: str) -> None:
    found = by(prometheus, "burnline_gpu_video_utilization_ratio", "uuid", "engine")

    assert found == {"GPU-a/encoder": 0.5, "GPU-a/decoder": 0.25, "GPU-a/jpeg": 0.75}


@pytest.mark.integration
def test_instances_of_a_divided_gpu_are_told_apart_and_add_up(prometheus: str) -> None:
    assert by(prometheus, "burnline_gpu_mig_memory_used_bytes", "uuid", "gpu_instance", "profile") == {
        "GPU-m/1/3g.40gb": 7 * 2**20,
        "GPU-m/2/1g.10gb": 2 * 2**20,
    }
    assert by(prometheus, "burnline_gpu_memory_used_bytes", "uuid")["GPU-m"] == 9 * 2**20
    assert by(prometheus, "burnline_gpu_tensor_active_ratio", "uuid", "gpu_instance") == {
        "GPU-m/1": 0.5,
        "GPU-a/": 0.25,
    }


@pytest.mark.integration
def test_a_host_is_told_once_whatever_the_port(prometheus: str) -> None:
    assert by(prometheus, "burnline_host_memory_available_bytes", "host") == {"127.0.0.1": 333}
    assert by(prometheus, "burnline_host_memory_size_bytes", "host") == {"127.0.0.1": 222}


@pytest.mark.integration
def test_what_node_exporter_names_apart_is_one_series_with_labels(prometheus: str) -> None:
    pressure = by(prometheus, "burnline_host_pressure_seconds_total", "resource", "stall")
    errors = by(prometheus, "burnline_host_network_errors_total", "interface", "direction")

    assert by(prometheus, "burnline_host_load_average", "window") == {"1m": 0.5, "15m": 0.25}
    assert pressure == {"io/some": 7, "irq/full": 9}
    assert errors == {"eth0/receive": 3, "eth0/send": 4, "eth1/receive": 2}
    assert by(prometheus, "burnline_host_filesystem_inodes_free", "mountpoint") == {"/": 6}
