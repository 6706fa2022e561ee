"""Parameters are data: they fit or they are refused, and they are put in once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from burnline.runbooks.params import Param, resolve, substitute


def param(**fields: Any) -> Param:
    return Param.model_validate(fields)


VERSION = {"type": "string", "pattern": "[0-9]{1,4}", "label": "version", "default": "1"}
DECLARED = {
    "version": param(**VERSION),
    "settle": param(type="duration", default="1m", min="1s", max="1h"),
    "tries": param(type="integer", default=3, min=1, max=9, label="tries"),
    "share": param(type="number", default=0.5, label="share"),
    "dry": param(type="boolean", default=False, label="dry"),
    "region": param(type="string", enum=["eu", "us"], label="region", default="eu"),
}


def test_defaults_fill_what_nobody_gives() -> None:
    values = resolve(DECLARED, {}, {})

    assert values == {"version": "1", "settle": "1m", "tries": 3, "share": 0.5, "dry": False, "region": "eu"}


def test_the_binding_comes_before_the_label() -> None:
    assert resolve(DECLARED, {"version": "7"}, {"version": "9"})["version"] == "7"


def test_a_label_is_read_as_the_parameters_type() -> None:
    labels = {"version": "12", "tries": "4", "share": "0.25", "dry": "true", "region": "us", "other": "ignored"}

    values = resolve(DECLARED, {}, labels)

    assert values == {"version": "12", "settle": "1m", "tries": 4, "share": 0.25, "dry": True, "region": "us"}


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"version": "1; rm -rf /"}, "does not match"),
        ({"version": "1\n"}, "does not match"),
        ({"version": "9" * 5000}, "longer than 200"),
        ({"tries": "4.0"}, "is not a integer"),
        ({"tries": "10"}, "over the most allowed, 9"),
        ({"tries": "9" * 40}, "is not a integer"),
        ({"tries": "٣"}, "is not a integer"),
        ({"share": "nan"}, "is not a number"),
        ({"share": "1e999"}, "is not a number"),
        ({"dry": "yes"}, "is not a boolean"),
        ({"region": "$(reboot)"}, "is not one of eu or us"),
    ],
)
def test_a_label_that_does_not_fit_is_refused_and_never_cut(labels: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        resolve(DECLARED, {}, labels)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"settle": "2h"}, "settle: '2h' is over the most allowed, 1h"),
        ({"settle": "0s"}, "under the least allowed, 1s"),
        ({"settle": 5}, "settle: 5 is not a duration, as in 30s"),
        ({"settle": "soon"}, "is not a duration"),
        ({"tries": True}, "is not a integer"),
        ({"dry": 1}, "is not a boolean"),
        ({"nope": 1}, "nope: no such parameter; there are version, settle, tries, share, dry or region"),
    ],
)
def test_a_bound_value_that_does_not_fit_is_refused(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        resolve(DECLARED, given_, {})


def test_a_required_parameter_must_be_given() -> None:
    with pytest.raises(ValueError, match="to: a string must be given"):
        resolve({"to": param(type="string", example="1")}, {}, {})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "string", "default": "x", "label": "x"}, "needs a `pattern` or an `enum`"),
        ({"type": "string", "default": "x", "pattern": "("}, "is not a regular expression"),
        ({"type": "string"}, "needs a `default`, or an `example`"),
        ({"type": "integer", "default": 5, "max": 4}, "over the most allowed"),
        ({"type": "integer", "default": 5, "max": "x"}, "is not a integer"),
        ({"type": "string", "default": "x", "pattern": "y"}, "does not match"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        param(**fields)


def test_a_whole_slot_keeps_its_type_and_a_part_becomes_text() -> None:
    assert substitute({"a": ["${n}", "n=${n}"]}, {"n": 5}) == {"a": [5, "n=5"]}


def test_keys_are_left_alone() -> None:
    assert substitute({"${n}": 1}, {"n": 5}) == {"${n}": 1}


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\$\{m\} names no parameter; there are n"):
        substitute("x ${m}", {"n": 5})


@given(st.text(max_size=50))
def test_what_is_put_in_is_never_read_again(hostile: str) -> None:
    assert substitute("${a}", {"a": hostile, "b": "secret"}) == hostile
    assert substitute("<${a}>", {"a": hostile, "b": "secret"}) == f"<{hostile}>"


def test_a_slot_inside_a_value_stays_text() -> None:
    assert substitute("${a}", {"a": "${b}", "b": "secret"}) == "${b}"


without_slots = st.text(alphabet="abc {}$", max_size=8).filter(lambda text: "${" not in text)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | without_slots,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_without_slots_nothing_changes(value: Any) -> None:
    assert substitute(value, {}) == value
