"""The printer of PromQL: what is built is what Prometheus reads."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.slo.promql import Aggregate, Binary, Call, Expr, Number, Select, Text, quote, series, show
from burnline.spec.selector import Matcher, Selector, parse_selector

A, B, C = (Select(Selector(name)) for name in "abc")
MINUTE = timedelta(minutes=1)
text = st.text(st.characters(exclude_categories=["Cs"]))
metrics = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True)


@given(text)
def test_any_label_value_comes_back_as_it_went_in(value: str) -> None:
    parsed: Any = promql_parser.parse(show(Select(series("m", path=value))))

    assert [(m.name, m.value) for m in parsed.matchers.matchers] == [("path", value)]


@given(text)
def test_any_text_is_one_string_literal_on_one_line(value: str) -> None:
    shown = show(Call("label_replace", (A, Text("x"), Text(value), Text(""), Text(""))), width=10_000)
    parsed: Any = promql_parser.parse(shown)

    assert parsed.args[2].val == value
    assert len(shown.splitlines()) == 1


@given(metrics)
def test_any_metric_name_is_read_as_a_metric(metric: str) -> None:
    parsed: Any = promql_parser.parse(show(Binary("or", Select(Selector(metric)), A)))

    left = parsed.lhs
    assert metric in (left.name, *(m.value for m in left.matchers.matchers))


@pytest.mark.parametrize("metric", ["inf", "NaN", "sum", "by", "offset", "bool", "or"])
def test_a_metric_named_like_a_keyword_is_selected_by_its_name_label(metric: str) -> None:
    assert show(Select(Selector(metric))) == f'{{__name__="{metric}"}}'


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        quote("\ud800")


@pytest.mark.parametrize(
    ("expr", "shown"),
    [
        (Binary("*", Binary("+", A, B), C), "(a + b) * c"),
        (Binary("+", A, Binary("*", B, C)), "a + b * c"),
        (Binary("-", Binary("-", A, B), C), "a - b - c"),
        (Binary("-", A, Binary("-", B, C)), "a - (b - c)"),
        (Binary("/", A, Binary("^", B, Number(2))), "a / b ^ 2"),
        (Binary("^", Binary("^", A, B), C), "(a ^ b) ^ c"),
        (Binary("and", Binary("or", A, B), C), "(a or b) and c"),
        (Binary("or", A, Binary("unless", B, C)), "a or b unless c"),
        (Binary("and", Binary(">", A, Number(14.4)), Binary(">", B, Number(6.0))), "a > 14.4 and b > 6"),
        (Binary("/", A, Binary(">", B, Number(0)), ignoring=("event",)), "a / ignoring (event) (b > 0)"),
        (Binary("and", A, B, on=("service", "slo")), "a and on (service, slo) b"),
        (Binary(">=", A, Number(float("-inf")), as_bool=True), "a >= bool -Inf"),
        (Binary("/", A, Number(1e-05)), "a / 1e-05"),
        (Aggregate("max", A, by=("service",)), "max by (service) (a)"),
        (Select(Selector("a"), over=MINUTE, offset=timedelta(seconds=1)), "a[1m] offset 1s"),
        (Select(Selector("a"), over=5 * MINUTE - timedelta(milliseconds=1)), "a[4m59s999ms]"),
    ],
)
def test_brackets_stand_where_precedence_needs_them(expr: Expr, shown: str) -> None:
    assert show(expr) == shown
    promql_parser.parse(shown)


def test_a_selector_keeps_its_matchers() -> None:
    selector = parse_selector(r'http_requests_total{status=~"5..", path!="/a\"b\\c"}')

    assert show(Select(selector)) == r'http_requests_total{status=~"5..",path!="/a\"b\\c"}'


@given(st.timedeltas(timedelta(milliseconds=1), timedelta(days=400)))
def test_any_range_is_read_as_its_milliseconds(over: timedelta) -> None:
    """Spans between two clock readings have microseconds, which PromQL has not."""
    written = show(Select(Selector("a"), over=over))

    assert re.fullmatch(r"a\[(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?\]", written)
    parsed: Any = promql_parser.parse(written)
    assert abs(parsed.range - over) <= timedelta(microseconds=500)


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(ValueError, match="selects nothing"):
        Select(Selector("a"), over=timedelta(0))


expressions: st.SearchStrategy[Expr] = st.recursive(
    st.builds(Select, st.builds(Selector, metrics, st.just((Matcher("path", "=", '"}\\'),)))),
    lambda inner: st.one_of(
        st.builds(Binary, st.sampled_from(["+", "-", "*", "/", ">", "and", "or", "unless"]), inner, inner),
        st.builds(lambda of: Aggregate("sum", of, by=("service",)), inner),
        st.builds(lambda of: Call("abs", (of,)), inner),
    ),
    max_leaves=12,
)


@given(expressions)
def test_a_long_expression_broken_over_lines_is_the_same_expression(expr: Expr) -> None:
    one_line, broken = show(expr, width=10_000), show(expr, width=30)

    assert _shape(promql_parser.parse(one_line)) == _shape_of(expr)
    assert _shape(promql_parser.parse(broken)) == _shape_of(expr)


def _shape(parsed: object) -> object:
    """The tree the parser saw, brackets aside."""
    match parsed:
        case promql_parser.ParenExpr():
            return _shape(parsed.expr)
        case promql_parser.BinaryExpr():
            return (str(parsed.op), _shape(parsed.lhs), _shape(parsed.rhs))
        case promql_parser.AggregateExpr():
            return ("sum", _shape(parsed.expr))
        case promql_parser.Call():
            return ("abs", _shape(parsed.args[0]))
    return "selector"


def _shape_of(expr: Expr) -> object:
    match expr:
        case Binary(op, left, right):
            return (op, _shape_of(left), _shape_of(right))
        case Aggregate(_, of):
            return ("sum", _shape_of(of))
        case Call(_, (of,)):
            return ("abs", _shape_of(of))
    return "selector"
