"""docs/releases.md is true: its service loads, its links lead somewhere, and every state and guard is on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from burnline.events import GuardVerdict, ReleaseState
from burnline.spec.load import load_service
from burnline.spec.release import GuardSpec

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "releases.md").read_text()


def test_the_service_of_the_page_loads(tmp_path: Path) -> None:
    [block] = re.findall(r"```yaml service\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "card-fraud.yaml"
    file.write_text(block)

    service = load_service(file)

    assert service.release is not None
    assert len(service.release.guards) == 5


def test_every_state_verdict_and_guard_is_on_the_page() -> None:
    kinds = get_args(GuardSpec.model_fields["kind"].annotation)

    for word in (*ReleaseState, *GuardVerdict):
        assert f"`{word}`" in TEXT, word
    for kind in kinds:
        assert f"- **{kind}**" in TEXT, kind


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT))
def test_links_lead_somewhere(link: str) -> None:
    assert (DOCS / link).exists()
