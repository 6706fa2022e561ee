"""Other tools' PromQL as burnline's SLIs: what Prometheus' own grammar shows to be counted events, else the query.

`$window` stands for the range to count over; the importers put it where their tool's own placeholder was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import promql_parser

from burnline.spec.expression import parse_expression, parse_promql, with_window
from burnline.spec.selector import Matcher, Selector, parse_selector
from burnline.spec.units import format_duration
from burnline.spec.words import shown

_MARK = "7919s"  # a range nobody writes: what stands for $window in a parsed query
_MARK_LENGTH = timedelta(seconds=7919)
_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_COUNTS = ("rate", "increase", "sum_over_time", "count_over_time")  # over two ranges they add up to that over both
_DEEPEST = 100
_MOST_BRACKETS = 500
_MOST_OPERATORS = 200
_PLAIN_LE = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Found:
    """An SLI in a service file's terms.

    Attributes:
        averaged: its queries over a long range are no sum of those over the intervals of it, so burnline's answer
            over the long range is another.
    """

    sli: dict[str, Any]
    averaged: bool = False


def events_sli(*, total: str, bad: str = "", good: str = "") -> Found:
    """The SLI of two queries of events: selectors where both only count, else the queries themselves.

    Raises: ValueError for what Prometheus would refuse, and where one counts per second and the other does not.
    """
    some, all_of_them = _parse(bad or good), _parse(total)
    part, whole = _counted(some), _counted(all_of_them)
    rest = _difference(some) if bad else None
    if whole and rest and _same(rest[0], whole):
        return Found(_good(rest[1].selector, whole.selector))
    if whole and part and part.function != whole.function:
        raise ValueError(f"counts by {part.function}, and the total by {whole.function}; write one of them in both")
    if whole and part and bad:
        return Found({"ratio": {"bad": str(part.selector), "total": str(whole.selector)}})
    if whole and part:
        return Found(_good(part.selector, whole.selector))
    queries = {"bad" if bad else "good": (bad or good).strip(), "total": total.strip()}
    return Found({"promql": queries}, averaged=not (_adds_up(some) and _adds_up(all_of_them)))


def ratio_sli(query: str, *, good: bool) -> Found:
    """The SLI of a query for the share of good (or bad) events: its two sides where it divides, else the query.

    Raises: ValueError for what Prometheus would refuse.
    """
    _parse(query)
    text, is_good = _bare(query), good
    if (sides := _sides(text, "-")) and _number(sides[0]) == 1:
        text, is_good = _bare(sides[1]), not good
    if (sides := _sides(text, "/")) and all("$window" in side for side in sides):
        part, total = sides
        found = events_sli(total=total, good=part) if is_good else events_sli(total=total, bad=part)
        if not found.averaged:
            return found
    ratio = f"1 - ({query.strip()})" if good else query.strip()
    return Found({"promql": {"error_ratio": ratio}}, averaged=True)


def over_window(text: str, *, counter: bool) -> str:
    """A query without a range of its own to choose, as one over `$window`.

    Counters are counted where the query is their sum or their rate; of every other query the values are added up, one a
    minute (of what is a counter itself, the increase).

    Raises: ValueError for what Prometheus would refuse.
    """
    if "$window" in text:
        return text
    try:
        tree = _inside(parse_promql(text))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(text)} is not what Prometheus accepts: {error}") from error
    function, selector = _fixed(tree, counter=counter)
    if selector:
        return f"sum({function}({selector}[$window]))"
    return f"{'increase' if counter else 'sum_over_time'}(({text.strip()})[$window:1m])"


def _fixed(tree: Any, *, counter: bool) -> tuple[str, Selector | None]:
    """`x` or `sum(x)`, or `sum(rate(x[5m]))` with any range."""
    is_sum = isinstance(tree, promql_parser.AggregateExpr) and str(tree.op) == "sum" and tree.modifier is None
    inner = _inside(tree.expr) if is_sum else tree
    if isinstance(inner, promql_parser.VectorSelector):
        return ("rate" if counter else "sum_over_time"), _selector(inner)
    if is_sum and isinstance(inner, promql_parser.Call) and inner.func.name in ("rate", "increase"):
        over = _inside(inner.args[0])
        if isinstance(over, promql_parser.MatrixSelector):
            return "rate", _selector(over.vector_selector)  # per second or not: over a window both count
    return "", None


def selector_of(text: str) -> Selector:
    """A plain vector selector.

    Raises: ValueError for anything else, also for `offset` and `@`.
    """
    selector, offset = selector_and_offset(text)
    if offset:
        raise ValueError(f"{shown(text)} has an offset; accepted: a plain selector")
    return selector


def selector_and_offset(text: str) -> tuple[Selector, timedelta]:
    """A vector selector, and how far back it looks.

    Raises: ValueError for anything else, also for `@`.
    """
    try:
        tree = parse_promql(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(text)} is not what Prometheus accepts: {error}") from error
    if not (isinstance(tree, promql_parser.VectorSelector) and (found := _selector(tree, offset=tree.offset))):
        raise ValueError(f'{shown(text)} is no plain selector; write one, as in http_requests_total{{code=~"5.."}}')
    return found, tree.offset or timedelta(0)


def good_sli(good: Selector, total: Selector) -> dict[str, Any]:
    """The SLI of good events of all events: `latency` where they are a histogram's bucket and its count."""
    return _good(good, total)


def _good(good: Selector, total: Selector) -> dict[str, Any]:
    return _latency(good, total) or {"ratio": {"good": str(good), "total": str(total)}}


def _latency(good: Selector, total: Selector) -> dict[str, Any] | None:
    """burnline's `below` is a time, so only histograms in seconds, and only bounds it would write the same way."""
    name = good.metric.removesuffix("_bucket")
    bounds = [matcher for matcher in good.matchers if matcher.label == "le"]
    others = [matcher for matcher in good.matchers if matcher.label != "le"]
    if not name.endswith("_seconds") or good.metric == name or total.metric != f"{name}_count" or len(bounds) != 1:
        return None
    bound = bounds[0]
    if bound.op != "=" or not _PLAIN_LE.fullmatch(bound.value) or set(others) != set(total.matchers):
        return None
    below = timedelta(seconds=float(bound.value))
    if not below or bound.value.removesuffix(".0") != repr(below.total_seconds()).removesuffix(".0"):
        return None
    return {"latency": {"histogram": str(Selector(name, total.matchers)), "below": format_duration(below)}}


def _parse(query: str) -> Any:
    """Raises: ValueError naming the query and what Prometheus says of it."""
    if query.count("(") > _MOST_BRACKETS:
        raise ValueError(f"{shown(query)} has more than {_MOST_BRACKETS} brackets")
    parse_expression(query)
    if _MARK in query:
        raise ValueError(f"{shown(query)} holds the range {_MARK}; write another")
    tree = parse_promql(with_window(query, _MARK))
    _shape(tree)  # not too deep for all that follows
    return tree


def _bare(text: str) -> str:
    """Without brackets around the whole."""
    text = text.strip()
    while isinstance(tree := parse_promql(with_window(text, _MARK)), promql_parser.ParenExpr):
        inner = text[1:-1].strip()
        if not (text.startswith("(") and text.endswith(")") and _reads(inner, tree.expr)):
            return text
        text = inner
    return text


def _sides(text: str, operator: str) -> tuple[str, str] | None:
    """The texts left and right of the operator, when it is the last that Prometheus would apply.

    The tree tells no positions, so every place where the operator is written is tried, and the tree judges.
    """
    tree = parse_promql(with_window(text, _MARK))
    if not isinstance(tree, promql_parser.BinaryExpr) or str(tree.op) != operator or _matching(tree):
        return None
    for at in [index for index, char in enumerate(text) if char == operator][:_MOST_OPERATORS]:
        left, right = text[:at].strip(), text[at + 1 :].strip()
        if _reads(left, tree.lhs) and _reads(right, tree.rhs):
            return left, right
    return None


def _matching(tree: Any) -> bool:
    modifier = tree.modifier
    return modifier is not None and (modifier.matching is not None or modifier.return_bool)


def _reads(text: str, tree: Any) -> bool:
    try:
        return _shape(parse_promql(with_window(text, _MARK))) == _shape(tree)
    except ValueError:
        return False


def _shape(tree: Any, depth: int = 0) -> tuple[Any, ...]:
    """What two equal trees have in common; the parser's trees themselves cannot be compared.

    Raises: ValueError when it is nested too deep.
    """
    if depth > _DEEPEST:
        raise ValueError(f"is nested more than {_DEEPEST} deep")
    inner = [_shape(part, depth + 1) for part in _parts(tree)]
    match tree:
        case promql_parser.BinaryExpr():
            return (str(tree.op), str(tree.modifier), *inner)
        case promql_parser.AggregateExpr():
            by = tree.modifier
            return (str(tree.op), by and (str(by.type), tuple(by.labels)), *inner)
        case promql_parser.Call():
            return (tree.func.name, *inner)
        case promql_parser.SubqueryExpr():
            return (tree.range, tree.step, str(tree.offset), str(tree.at), *inner)
    return (type(tree), *inner) if inner else (type(tree), repr(tree))


def _parts(tree: Any) -> list[Any]:
    match tree:
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            return [tree.expr]
        case promql_parser.BinaryExpr():
            return [tree.lhs, tree.rhs]
        case promql_parser.AggregateExpr():
            return [part for part in (tree.param, tree.expr) if part is not None]
        case promql_parser.Call():
            return list(tree.args)
    return []


def _number(text: str) -> float | None:
    tree = parse_promql(text) if "$window" not in text else None
    return tree.val if isinstance(tree, promql_parser.NumberLiteral) else None


@dataclass(frozen=True, slots=True)
class _Counted:
    selector: Selector
    function: str


def _difference(tree: Any) -> tuple[_Counted, _Counted] | None:
    """`sum(rate(a)) - sum(rate(b))`."""
    tree = _inside(tree)
    if not isinstance(tree, promql_parser.BinaryExpr) or str(tree.op) != "-" or _matching(tree):
        return None
    left, right = _counted(tree.lhs), _counted(tree.rhs)
    return (left, right) if left and right and left.function == right.function else None


def _counted(tree: Any) -> _Counted | None:
    """`sum(rate(selector[$window]))`, or with increase; `or vector(0)` says what burnline does anyway."""
    tree = _or_nothing(_inside(tree))
    if not isinstance(tree, promql_parser.AggregateExpr) or str(tree.op) != "sum" or tree.modifier is not None:
        return None
    call = _inside(tree.expr)
    if not isinstance(call, promql_parser.Call) or call.func.name not in ("rate", "increase"):
        return None
    over = _inside(call.args[0])
    if not isinstance(over, promql_parser.MatrixSelector) or over.range != _MARK_LENGTH:
        return None
    selector = _selector(over.vector_selector)
    return _Counted(selector, call.func.name) if selector else None


def _adds_up(tree: Any) -> bool:
    """Whether the query over a long range is the sum (or, of rates, the average) of those over its parts."""
    tree = _or_nothing(_inside(tree))
    match tree:
        case promql_parser.AggregateExpr():
            return str(tree.op) == "sum" and _adds_up(tree.expr)
        case promql_parser.Call():
            over: Any = _inside(tree.args[0]) if tree.args else None
            ranged = isinstance(over, promql_parser.MatrixSelector | promql_parser.SubqueryExpr)
            return tree.func.name in _COUNTS and ranged and over.range == _MARK_LENGTH
        case promql_parser.BinaryExpr():
            return not _matching(tree) and _sum_adds_up(tree)
    return False


def _sum_adds_up(tree: Any) -> bool:
    left, right, op = _inside(tree.lhs), _inside(tree.rhs), str(tree.op)
    if op in ("+", "-"):
        return _adds_up(left) and _adds_up(right)
    if op in ("*", "/") and isinstance(right, promql_parser.NumberLiteral):
        return _adds_up(left)
    return op == "*" and isinstance(left, promql_parser.NumberLiteral) and _adds_up(right)


def _or_nothing(tree: Any) -> Any:
    """The left side of `... or vector(0)`."""
    is_or = isinstance(tree, promql_parser.BinaryExpr) and str(tree.op) == "or" and _zero(tree.rhs)
    return _inside(tree.lhs) if is_or else tree


def _inside(tree: Any) -> Any:
    while isinstance(tree, promql_parser.ParenExpr):
        tree = tree.expr
    return tree


def _zero(tree: Any) -> bool:
    tree = _inside(tree)
    if not isinstance(tree, promql_parser.Call) or tree.func.name != "vector":
        return False
    value = _inside(tree.args[0])
    return isinstance(value, promql_parser.NumberLiteral) and value.val == 0


def _selector(tree: Any, *, offset: timedelta | None = None) -> Selector | None:
    """None for what a service file's selector cannot say."""
    if not tree.name or tree.offset != offset or tree.at is not None or tree.matchers.or_matchers:
        return None
    matchers = tuple(Matcher(found.name, _op(found.op), found.value) for found in tree.matchers.matchers)
    selector = Selector(tree.name, matchers)
    try:
        return selector if parse_selector(str(selector)) == selector else None
    except ValueError:
        return None


def _op(op: Any) -> str:
    return _OPS[str(op).rpartition(".")[2]]


def _same(one: _Counted, other: _Counted) -> bool:
    matchers = set(one.selector.matchers) == set(other.selector.matchers)
    return matchers and one.selector.metric == other.selector.metric and one.function == other.function
