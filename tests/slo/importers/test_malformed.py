"""Whatever a foreign file holds: a service file that loads, or a list of problems; never a traceback."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.slo.importers.importing import FIXTURES, imported

FILES = sorted((tool.name, file) for tool in FIXTURES.iterdir() if tool.is_dir() for file in tool.iterdir())
PIECES = [
    *(
        "",
        "null",
        "[]",
        "{}",
        "-1",
        "0",
        "1e999",
        "&a [*a]",
        "*x",
        "!!python/object:os {}",
        "'",
        '"',
        "\t",
        "\x00",
        "é",
    ),
    *("$window", "{{.window}}", "((((", ")", "{", "}", ": ", "\n- ", "\n", "99999999999999999999", "1y", "true", "\\"),
]


def mutated(text: str, seed: int) -> str:
    """A few characters or words replaced, taken out, or doubled."""
    dice = random.Random(seed)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(text) + 1)
        end = min(len(text), at + dice.choice((0, 1, 5, 20, 200)))
        piece = dice.choice((*PIECES, text[at:end] * 2))
        text = text[:at] + piece + text[end:]
    return text


@pytest.mark.parametrize(("tool", "file"), FILES, ids=lambda value: str(getattr(value, "name", value)))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_is_refused_or_imported(tool: str, file: Path, seed: int) -> None:
    with TemporaryDirectory() as folder:
        found = imported(Path(folder), tool, mutated(file.read_text(), seed))

    assert found.code in (0, 1, 3)
    assert bool(found.refused) == (found.code == 1)
    assert all("foreign0.yaml" in line for line in (*found.refused, *found.left))


@pytest.mark.parametrize("tool", ["sloth", "pyrra", "openslo", "slo-generator"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("- a\n", "holds a document that is no mapping"),
        ("a: [", "is not YAML"),
        ("a: 1\na: 2\n", ":2: a: is written twice; first: line 1"),
        ("a: " + "[" * 40 + "]" * 40, "is nested more than 30 deep"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcde", "bcdef", strict=True)),
            "values, aliases written out",
        ),
        ("a: !!python/object/apply:os.system [id]\n", "has the tag"),
        ("a: 1\n" * 1_000_000, "is larger than 1024 KiB"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_in_one_line(tmp_path: Path, tool: str, text: str, message: str) -> None:
    found = imported(tmp_path, tool, text)

    assert len(found.refused) == 1
    assert message in found.refused[0]


def test_aliases_merges_and_empty_values_are_read(tmp_path: Path) -> None:
    text = """\
x-defaults: &defaults {objective: 99.9, labels: ~}
version: prometheus/v1
"""
    found = imported(tmp_path, "sloth", text + "service: a\nslos: [{<<: *defaults, name: a, sli: {raw: }}]\n")

    assert [line.partition(": ")[2] for line in found.refused] == [
        "x-defaults: is no field here; accepted: version, service, labels, slo_plugins or slos",
        "slos[0].sli: needs exactly one of events and raw; found none",
    ]
