"""Matchers are Alertmanager's."""

from __future__ import annotations

import time

import pytest

from burnline.alerting.matchers import Matcher, parse_matcher
from burnline.errors import PayloadError


@pytest.mark.parametrize(
    ("written", "matches", "does_not"),
    [
        ("a=b", {"a": "b"}, {"a": "c"}),
        ("a!=b", {"a": "c"}, {"a": "b"}),
        ("a!=b", {}, {"a": "b"}),
        ("a=~b|c", {"a": "c"}, {"a": "bc"}),
        ("a=~b", {"a": "b"}, {"a": "abc"}),
        ("a!~b.*", {"a": "ab"}, {"a": "bc"}),
        ('a="b=c"', {"a": "b=c"}, {"a": "b"}),
        ("a=", {}, {"a": "b"}),
    ],
)
def test_a_matcher_is_about_the_whole_value(written: str, matches: dict[str, str], does_not: dict[str, str]) -> None:
    matcher = parse_matcher(written)

    assert matcher.matches(matches)
    assert not matcher.matches(does_not)


@pytest.mark.parametrize("written", ["", "a", "=b", "!=b", '"a=b"'])
def test_what_is_no_matcher_is_refused(written: str) -> None:
    with pytest.raises(PayloadError, match="is no matcher"):
        parse_matcher(written)


def test_it_is_written_as_alertmanager_reads_it() -> None:
    assert str(Matcher("a", 'x"\\\n', is_regex=True, is_equal=False)) == 'a!~"x\\"\\\\\\n"'


def test_a_pattern_that_would_explode_takes_no_time() -> None:
    began = time.monotonic()

    assert not Matcher("a", "(a*)*b", is_regex=True).matches({"a": "a" * 4000})

    assert time.monotonic() - began < 1
