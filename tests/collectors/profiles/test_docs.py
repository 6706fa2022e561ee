"""docs/profiles.md says of every profile what its file says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from burnline.collectors.profiles.load import NAMES, load_profile
from burnline.metrics import host
from burnline.metrics.register import MEASURED

PAGE = (Path(__file__).parents[3] / "docs/profiles.md").read_text()

WORDS = {  # of the rows of serving engines
    "requests": {"requests_total"},
    "errors": {"errors_total"},
    "rejections": {"rejections_total"},
    "running": {"running_requests"},
    "waiting": {"waiting_requests"},
    "KV cache": {"kv_cache_usage_ratio"},
    "tokens in": {"prompt_tokens_total"},
    "tokens out": {"generated_tokens_total"},
    "preemptions": {"preemptions_total"},
    "prefix cache": {"prefix_cache_queries_total", "prefix_cache_hits_total", "prefix_cache_hit_ratio"},
    "time in sum": {"request_seconds_total"},
    "queue time in sum": {"queue_seconds_total"},
    "time to first token": {"time_to_first_token_seconds"},
    "inter-token latency": {"inter_token_latency_seconds"},
    "duration": {"request_duration_seconds"},
    "queue time": {"queue_duration_seconds"},
}
UNTOLD = ("cgroup_", "nvme_", "cpus", "infiniband_info", "file_unreadable")  # of the host, by node_exporter


def section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/profiles.md has no ### {name}"
    return found[1].replace("\\|", "|")


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_has_a_section_with_its_versions_and_page(name: str) -> None:
    profile = load_profile(name)

    assert f"{profile.title}, {profile.covers}; " in section(name)
    assert profile.page in section(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_sources_of_promises_are_named_and_so_is_what_is_refused(name: str) -> None:
    profile, said = load_profile(name), section(name)

    for ratio in profile.availability:
        assert f"`{ratio.bad}` of `{ratio.total}`" in said
    for latency in profile.latency:
        assert f"`{latency.on or latency.histogram}`" in said
    for refusal in profile.refused:
        assert f"`{refusal.series}` as {refusal.kind}" in said
    if not profile.availability:
        assert flat(profile.no_availability) in said
    if not profile.latency:
        assert flat(profile.no_latency) in said


@pytest.mark.parametrize("name", NAMES)
def test_flags_and_traps_are_told(name: str) -> None:
    profile, said = load_profile(name), section(name)

    for quantity in profile.quantities.values():
        assert flat(quantity.shown_by) in said
    for trap in profile.traps:
        assert flat(trap) in said


@pytest.mark.parametrize("name", [name for name in NAMES if name != "node-exporter"])
def test_what_is_measured_is_listed_whole(name: str) -> None:
    found = re.search(r"^\| measured \| (.*) \|$", section(name), re.MULTILINE)
    assert found
    listed = [each.strip() for each in found[1].split(",")]
    made = set(load_profile(name).quantities)

    named = {each.strip("`") for each in listed if each.startswith("`")}
    by_word = {f"burnline_serving_{part}" for each in listed if not each.startswith("`") for part in WORDS[each]}
    alike = {each for each in by_word if "prefix_cache" in each}  # one word for what an engine tells of it

    assert named | (by_word - alike) == made - alike
    assert bool(alike & made) is bool(alike)
    assert not {each for each in made - alike if "prefix_cache" in each}


def test_of_the_host_node_exporter_tells_all_but_what_the_page_says() -> None:
    untold = {name.removeprefix("burnline_host_") for name in MEASURED if name.startswith("burnline_host_")} - {
        name.removeprefix("burnline_host_") for name in load_profile("node-exporter").quantities
    }

    assert [name for name in sorted(untold) if not name.startswith(UNTOLD)] == []
    assert host.CPUS.removeprefix("burnline_host_") in untold
