"""The README's own example works as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

from burnline.runbooks.actions.alias import AliasHook
from burnline.runbooks.lint import lint
from burnline.runbooks.load import load_catalogue
from burnline.spec.load import load_service

README = Path(__file__).parents[1] / "README.md"


def example() -> str:
    """The YAML of the five steps, put together as a reader would."""
    blocks = re.findall(r"\n\n((?:       .*\n)+)", README.read_text())
    yaml = [block for block in blocks if block.lstrip().startswith(("apiVersion", "model:", "escalation:"))]
    assert len(yaml) == 3
    return "".join(line[7:] + "\n" for block in yaml for line in block.splitlines())


def test_the_service_file_of_the_readme_is_good(tmp_path: Path) -> None:
    file = tmp_path / "checkout.yaml"
    file.write_text(example())

    spec = load_service(file)

    assert [slo.name for slo in spec.slos] == ["availability", "latency"]
    assert lint(load_catalogue(None), [spec]) == []


def test_the_registry_of_the_readme_can_be_taken_back(tmp_path: Path) -> None:
    [block] = [each for each in re.findall(r"\n\n((?:       .*\n)+)", README.read_text()) if '{"aliases"' in each]
    (tmp_path / "registry.json").write_text(block)

    hook = AliasHook(tmp_path / "registry.json", "champion")

    assert hook.observe() == "2"
    assert hook.plan("previous").to_version == "1"


def test_every_file_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text()):
        assert (README.parent / target).exists(), target
