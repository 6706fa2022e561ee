"""docs/profiles.md says of every profile what its file says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from burnline.collectors.profiles.load import NAMES, load_profile

PAGE = (Path(__file__).parents[3] / "docs/profiles.md").read_text()


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
