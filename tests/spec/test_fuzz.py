"""Whatever a file holds, loading gives a service or a SpecError with places in the file: never anything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from burnline.errors import SpecError
from burnline.spec.document import _flawless, _told, read_document
from burnline.spec.load import load_service
from burnline.spec.schema import json_schema

WHOLE = (Path(__file__).parent / "whole.yaml").read_text()
KEYS = sorted({name for schema in json_schema()["$defs"].values() for name in schema.get("properties", {})})
TOP = sorted(json_schema()["properties"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.dates()
    | st.sampled_from(
        ["99.9%", "100%", "30d", "1s", "http://h/", "host", "drift", "a", "env:A", "webhook:http://h/", 'm{a="b"}']
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
SERVICES = st.dictionaries(st.sampled_from(TOP), VALUES, max_size=6).map(
    lambda body: {"apiVersion": "burnline/v1", "service": "a", "owner": "b", **body}
)
quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
VALIDATOR = Draft202012Validator(json_schema())


def load(folder: Path, content: bytes) -> SpecError | None:
    """The error of loading a file with this content, looked at closely; None when it loads."""
    file = folder / "fuzz.yaml"
    file.write_bytes(content)
    try:
        load_service(file)
    except SpecError as error:
        caught = error
    else:
        return None

    assert caught.problems
    for problem in caught.problems:
        assert 0 <= problem.line <= len(content) + 1
        assert problem.message
        assert str(problem).isprintable()
        assert len(str(problem)) < 1000
    return caught


PIECES = [
    *"\n\t\r ?:-#'\"{}[],|>&*!%@`~\\",
    ": ",
    "- ",
    "? ",
    "|#",
    "# ",
    "---\n",
    "\x85",
    "\u2028",
    "\ufeff",
    "é",
    "\x00",
]


@quick
@given(st.lists(st.tuples(st.integers(0, 900), st.sampled_from(PIECES)), max_size=3), st.integers(0, len(WHOLE)))
def test_the_fast_parser_reads_what_the_other_reads_or_leaves_it_to_it(
    typos: list[tuple[int, str]], begin: int
) -> None:
    """Both give the same values and lines; whatever is not in order is read by the one that says it for people."""
    text = WHOLE[WHOLE.rfind("\n", 0, begin) + 1 :][:900]
    for at, piece in typos:
        text = text[:at] + piece + text[at:]

    fast = _flawless(text, "f.yaml")

    assert fast is None or fast == _told(text, "f.yaml")


def test_the_fast_parser_reads_a_whole_file() -> None:
    fast = _flawless(WHOLE, "f.yaml")

    assert fast is not None
    assert fast == _told(WHOLE, "f.yaml")


@quick
@given(st.binary(max_size=200))
@example(b"\xff")
@example(b"%YAML 99999999999999999999.1\n---\na: b")
@example(b'"\\UFFFFFFFF"')
@example(b"%TAG ! %%\n---\n")
@example(b"!<tag:%ff> a: b")
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    load(tmp_path, content)


@quick
@given(st.text(st.sampled_from("ab01%:-?,[]{}#&*!|>'\"@` \n\t\r\\u.~<=/\ufeff\x85\u2028"), max_size=60))
def test_any_text_of_yaml_characters(tmp_path: Path, content: str) -> None:
    load(tmp_path, content.encode())


@quick
@given(
    st.integers(0, len(WHOLE) - 1), st.integers(0, 20), st.text(st.sampled_from("a0%:-,[]{}#&*!|'\" \n\t~"), max_size=5)
)
def test_the_whole_shape_with_a_piece_replaced(tmp_path: Path, at: int, gone: int, piece: str) -> None:
    load(tmp_path, (WHOLE[:at] + piece + WHOLE[at + gone :]).encode())


@quick
@given(SERVICES)
def test_any_values_in_any_fields(tmp_path: Path, data: object) -> None:
    load(tmp_path, yaml.safe_dump(data, allow_unicode=True).encode())


@quick
@given(SERVICES)
def test_what_loads_is_accepted_by_the_schema(tmp_path: Path, data: object) -> None:
    if load(tmp_path, yaml.safe_dump(data).encode()) is None:
        found = read_document(tmp_path / "fuzz.yaml").data

        assert list(VALIDATOR.iter_errors(found)) == []


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: ", "[[[", "'", '"', "|", "&a ", "!", "a: [", "- - "])
def test_a_file_of_openings_ends_quickly(tmp_path: Path, opening: str) -> None:
    assert load(tmp_path, (opening * 30_000)[:200_000].encode()) is not None
