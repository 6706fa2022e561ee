"""Files that are not what they should be, as files: each is one clear problem with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from burnline.errors import SpecError
from burnline.spec.document import MAX_BYTES, MAX_DEPTH, read_document
from burnline.spec.load import load_service
from tests.spec.conftest import HEAD, Load, Problems


def read(tmp_path: Path, content: str) -> object:
    file = tmp_path / "f.yaml"
    file.write_text(content)
    return read_document(file).data


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    """What YAML 1.1 would turn into True, 8, 44250.5 and a date stays what was written."""
    content = """
        {on: on, yes: yes, no: n, off: OFF, octal: 010, clock: 12:30, date: 2026-01-05, under: 1_000, hex: 0x1f,
        int: -7, float: 1.5, exponent: 1e3, point: .5, true: true, big: TRUE, quoted: "true", tilde: "~", inf: .inf}
    """

    assert read(tmp_path, content) == {
        "on": "on",
        "yes": "yes",
        "no": "n",
        "off": "OFF",
        "octal": 10,
        "clock": "12:30",
        "date": "2026-01-05",
        "under": "1_000",
        "hex": "0x1f",
        "int": -7,
        "float": 1.5,
        "exponent": 1000.0,
        "point": 0.5,
        "true": True,
        "big": True,
        "quoted": "true",
        "tilde": "~",
        "inf": ".inf",
    }


def test_the_key_on_is_text(load: Load) -> None:
    service = load("""\
        slos:
          - {name: up, objective: 99%, window: 30d, sli: {threshold: {gauge: up, below: 1}}}
        runbooks:
          - {on: {slo: up}, run: restart}
        """)

    assert service.runbooks[0].on.slo == "up"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "1: is empty"),
        (b"# nothing but a comment\n", "1: is empty"),
        (
            b"\n\n- service: a\n",
            "3: holds no mapping at its top; write `key: value` lines, as in `service: card-fraud`",
        ),
        (b"just text", "1: holds no mapping at its top; write `key: value` lines, as in `service: card-fraud`"),
        (b"---\n", "2: holds no mapping at its top; write `key: value` lines, as in `service: card-fraud`"),
        (b"service: a\n---\nservice: b\n", "2: starts a second document; write one per file"),
        (b"service: a\nowner: \xff\xfe\n", "2: is not UTF-8: byte 0xff"),
        ("service: a\n".encode("utf-16"), "1: is not UTF-8: byte 0xff"),
        (b"service: a\nowner: b\x00c\n", "2: holds the character U+0000, which YAML does not allow"),
        (b"service: a\nowner: b\x1b[31m\n", "2: holds the character U+001B, which YAML does not allow"),
        (
            b"service: a\nmodel:\n\tname: b\n",
            "3: is not YAML: found character '\\t' that cannot start any token; indent with spaces",
        ),
        (
            b"service: a: b\n",
            "1: is not YAML: mapping values are not allowed here; put text with ': ' in quotes, and check the indent",
        ),
        (
            b"owner: @team\n",
            "1: is not YAML: found character '@' that cannot start any token; put text that starts with @ in quotes",
        ),
        (b"slos: [1, 2\n", "2: is not YAML: expected ',' or ']', but got '<stream end>'"),
        (b'owner: "\\Uffffffff"\n', "1: is not YAML: an escape or a version is out of range"),
        (b"? [a, b]\n: c\n", "1: has a key that is no plain text"),
        (b"service: a\n!!str owner: b\n", "2: has a key that is no plain text"),
        (b'service: a\n"\\e[31m": b\n', "2: has a key that is no plain text"),
        (b"%YAML 3.0\n---\na: b\n", "1: is not YAML: found incompatible YAML document (version 1.* is required)"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(file_problems: Problems, content: bytes, problem: str) -> None:
    assert file_problems(content) == [problem]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("description:", "4: description: is empty; write a value, or leave the key out"),
        ("description: ~", "4: description: is empty; write a value, or leave the key out"),
        ("owner: again", "4: owner: is written twice, first on line 3; keep one"),
        ("model: {name: &name a}\ndescription: *name", "5: description: is an alias; write the value out"),
        ("model: {name: a, <<: *base}", "4: model['<<']: is an alias; write the value out"),
        (
            "description: !!python/object/apply:os.system [id]",
            "4: description: has the tag 'tag:yaml.org,2002:python/object/apply:os.system'; tags are not accepted",
        ),
        ("description: !!str text", "4: description: has the tag 'tag:yaml.org,2002:str'; tags are not accepted"),
        (r'description: "\e[31mred"', r"4: description: '\x1b[31mred' holds a control character"),
        (r'description: "\ud800"', r"4: description: '\ud800' holds a control character"),
        ("description: 1234567890123456789", "4: description: '1234567890123456789' is too large a number"),
        ("description: 1e999", "4: description: '1e999' is too large a number"),
    ],
)
def test_yaml_that_is_read_but_not_accepted_is_a_problem(problems: Problems, line: str, problem: str) -> None:
    assert problems(line) == [problem]


def test_a_bomb_of_aliases_costs_nothing(file_problems: Problems) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for outer, inner in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{outer}: &{outer} [{','.join([f'*{inner}'] * 9)}]\n"

    found = file_problems(bomb)

    assert "2: b[0]: is an alias; write the value out" in found


def test_nesting_has_a_limit(file_problems: Problems) -> None:
    assert file_problems("a: " + "[" * 100_000) == [f"1: is nested more than {MAX_DEPTH} deep"]
    assert file_problems("{a: " * 50_000) == [f"1: is nested more than {MAX_DEPTH} deep"]


def test_size_has_a_limit(file_problems: Problems) -> None:
    assert file_problems("#" * (MAX_BYTES + 1)) == ["is larger than 256 KiB"]


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbf" + HEAD.encode(), HEAD.replace("\n", "\r\n").encode()], ids=["byte order mark", "CRLF"]
)
def test_files_of_windows_editors_are_read(file_problems: Problems, content: bytes) -> None:
    assert file_problems(content) == []


def test_lines_are_counted_alike_with_windows_line_ends(file_problems: Problems) -> None:
    content = (HEAD + "extra: 1\n").replace("\n", "\r\n")

    assert file_problems(content)[0].startswith("4: extra: ")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nothing\.yaml: cannot be read: No such file or directory"):
        load_service(tmp_path / "nothing.yaml")


def test_a_path_no_file_can_have_is_a_problem() -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_service(Path("a\0b"))


def test_a_pipe_is_no_file_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")

    with pytest.raises(SpecError, match="is not a file"):
        load_service(tmp_path / "pipe.yaml")


def test_a_folder_is_no_service_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is not a file"):
        load_service(tmp_path)
