"""Selectors: the part of PromQL that both engines read alike."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.spec.selector import Matcher, Selector, parse_selector

RESERVED = {
    "on",
    "ignoring",
    "by",
    "without",
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "inf",
    "nan",
    "atan2",
    "start",
    "end",
}
LABELS = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
METRICS = LABELS.map(lambda name: f"burnline_{name}")
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
MATCHERS = st.builds(Matcher, LABELS, st.sampled_from(["=", "!="]), VALUES) | st.builds(
    Matcher, LABELS, st.sampled_from(["=~", "!~"]), st.sampled_from(["5..", "a|b", r"\d+", "", ".*", 'x"y', "[^/]+"])
)


def test_a_metric_alone_is_a_selector() -> None:
    assert parse_selector("http_requests_total") == Selector("http_requests_total")


@pytest.mark.parametrize(
    "written",
    [
        'm{status=~"5..",path!="/healthz"}',
        "m{status=~'5..', path!='/healthz'}",
        'm { status =~ "5.." , path != "/healthz" , }',
        "m{status=~`5..`,path!=`/healthz`}",
    ],
)
def test_matchers_are_read_as_promql_writes_them(written: str) -> None:
    assert parse_selector(written) == Selector("m", (Matcher("status", "=~", "5.."), Matcher("path", "!=", "/healthz")))


@pytest.mark.parametrize(
    ("written", "labels", "answer"),
    [
        ('m{code=~"5.."}', {"code": "503"}, True),
        ('m{code=~"5.."}', {"code": "5033"}, False),  # the whole value, as Prometheus anchors it
        ('m{code!~"5.."}', {"code": "200"}, True),
        ('m{code=""}', {}, True),  # an absent label is the empty string
        ('m{code!="200"}', {}, True),
        (r'm{code=~"\\d"}', {"code": "٣"}, False),  # ASCII digits, as Prometheus reads them
        ('m{path=~"a.b"}', {"path": "a\nb"}, True),  # the dot is any character, as in Prometheus
        ('m{a="1",b="2"}', {"a": "1", "b": "3"}, False),
    ],
)
def test_a_selector_matches_as_prometheus_does(written: str, labels: dict[str, str], answer: bool) -> None:
    assert parse_selector(written).matches("m", labels) is answer


def test_a_hostile_label_value_takes_no_longer_than_another() -> None:
    """Python's own engine would take hours; in RE2, as in Prometheus, matching is linear."""
    selector = parse_selector('m{path!~"(/?[a-z0-9]+)+/health"}')

    assert selector.matches("m", {"path": "a" * 10_000 + "!"})


def test_regular_expressions_are_not_imported_before_they_are_needed() -> None:
    code = "import sys, burnline.spec.load; sys.exit('re2' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_another_metric_never_matches() -> None:
    assert not parse_selector("m").matches("n", {})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "is not a selector; write a metric name and label matchers"),
        (5, "5 is not a selector"),
        (True, "true is not a selector"),
        (None, "None is not a selector"),
        ("sum(m)", "is not a selector"),
        ("rate(m[5m])", "is not a selector"),
        ("m[5m]", "is not a selector"),
        ('{job="x"}', "is not a selector"),
        ("m{code}", "cannot read the label matcher at 'code'"),
        ('m{a="1" b="2"}', "cannot read the label matcher at"),
        ('m{a="1}', "cannot read the label matcher at"),
        ('m{,a="1"}', "cannot read the label matcher at"),
        ('m{a=~"("}', "is not a regular expression: missing )"),
        ('m{a=~"a{9999}"}', "is not a regular expression: invalid repetition size"),
        (r'm{a=~"5\."}', r"\. is no escape in PromQL; write \\."),
        ('m{a=~"(?=x)"}', "is not a regular expression: invalid perl operator: (?="),
        ('m{__name__="n"}', "is not what Prometheus accepts"),
        ("on", "is not what Prometheus accepts"),
    ],
)
def test_what_is_no_selector_is_refused_and_says_why(written: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_selector(written)


@given(METRICS, st.lists(MATCHERS, max_size=4))
def test_a_selector_written_and_read_is_the_same(metric: str, matchers: list[Matcher]) -> None:
    selector = Selector(metric, tuple(matchers))

    assert parse_selector(str(selector)) == selector


@given(METRICS, st.lists(MATCHERS.filter(lambda matcher: matcher.label not in RESERVED), max_size=4))
def test_a_written_selector_means_the_same_to_prometheus(metric: str, matchers: list[Matcher]) -> None:
    parsed = promql_parser.parse(str(Selector(metric, tuple(matchers))))

    assert isinstance(parsed, promql_parser.VectorSelector)
    found = {(matcher.name, matcher.value) for matcher in parsed.matchers.matchers}
    assert parsed.name == metric
    assert found == {(matcher.label, matcher.value) for matcher in matchers}
