"""A small PromQL tree and its printer: expressions are built, never glued from strings."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

from burnline.spec.selector import Matcher, Selector
from burnline.spec.units import format_duration

_PRECEDENCE = {"or": 1, "and": 2, "unless": 2}
_PRECEDENCE |= dict.fromkeys(("==", "!=", "<=", "<", ">=", ">"), 3)
_PRECEDENCE |= {"+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "^": 6}
# A bare metric of these names would be read as a number or a keyword.
_RESERVED = re.compile(
    "and|or|unless|atan2|by|without|on|ignoring|group_left|group_right|bool|offset|inf|nan|start|end|sum|avg|count|"
    "min|max|group|stddev|stdvar|topk|bottomk|count_values|quantile|limitk|limit_ratio",
    re.IGNORECASE,
)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INDENT = 2
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal, as `label_replace` takes it."""

    value: str


@dataclass(frozen=True, slots=True)
class Select:
    """A selector; with `over` a range vector.

    Raises: ValueError for an empty range.
    """

    selector: Selector
    over: timedelta | None = None
    offset: timedelta | None = None

    def __post_init__(self) -> None:
        if self.over is not None and self.over < MILLISECOND:
            raise ValueError(f"a range of {self.over} selects nothing; the shortest is 1ms")


@dataclass(frozen=True, slots=True)
class Raw:
    """An expression as its author wrote it, read by the spec: printed in brackets, never taken apart."""

    text: str


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression looked at every `step` over the last `over`: a range vector."""

    of: Expr
    over: timedelta
    step: timedelta


@dataclass(frozen=True, slots=True)
class Call:
    """A function of its arguments."""

    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`sum`, `max`, ... of a vector, `by` labels; without labels, of all of it."""

    op: str
    of: Expr
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; `on` (no label at all, where empty) or `ignoring` says which elements of two vectors match.

    `as_bool` makes a comparison give 0 or 1. `group_left`: many elements on the left match one on the right.
    """

    op: str
    left: Expr
    right: Expr
    on: tuple[str, ...] | None = None
    ignoring: tuple[str, ...] = ()
    as_bool: bool = False
    group_left: bool = False


Expr = Number | Text | Select | Raw | Subquery | Call | Aggregate | Binary


def series(metric: str, **labels: str) -> Selector:
    """The selector of a metric with these exact label values."""
    return Selector(metric, tuple(Matcher(label, "=", value) for label, value in labels.items()))


def show(expr: Expr, *, width: int = 100, indent: int = 0) -> str:
    """PromQL text; what is longer than `width` is broken at its operators and brackets.

    Raises: ValueError for text that no PromQL string can hold (a lone surrogate).
    """
    return _Printer(width).show(expr, indent)


@lru_cache(maxsize=4096)
def quote(text: str) -> str:
    """A PromQL string literal of any text.

    Raises: ValueError for a lone surrogate, which is no text.
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError(f"{text!r} holds half a surrogate pair; write whole characters")
    return '"' + "".join(_ESCAPES.get(char) or (char if char.isprintable() else _code(char)) for char in text) + '"'


def _code(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"


class _Printer:
    """Remembers each expression on one line: a nested one is measured again and again as its parents are broken."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._lines: dict[int, str] = {}

    def show(self, expr: Expr, indent: int) -> str:
        line = self.line(expr)
        if indent + len(line) <= self.width or isinstance(expr, Number | Text | Select | Raw):
            return line
        if isinstance(expr, Binary):
            left, right = (self._operand(expr, side, indent) for side in ("left", "right"))
            return f"{left}\n{' ' * indent}{_operator(expr)} {right}"
        if isinstance(expr, Subquery):
            return self._bracket((expr.of,), indent) + _steps(expr)
        inside = expr.args if isinstance(expr, Call) else (expr.of,)
        return _head(expr) + self._bracket(inside, indent)

    def line(self, expr: Expr) -> str:
        found = self._lines.get(id(expr))
        if found is None:
            found = self._lines[id(expr)] = self._line(expr)
        return found

    def _line(self, expr: Expr) -> str:
        match expr:
            case Number(value):
                return _number(value)
            case Text(value):
                return quote(value)
            case Select():
                return _select(expr)
            case Raw(text):
                return f"({text}\n)" if "#" in text else f"({text})"  # a comment must not reach the bracket
            case Subquery(of):
                return f"({self.line(of)}){_steps(expr)}"
            case Call(_, args):
                return f"{_head(expr)}({', '.join(self.line(arg) for arg in args)})"
            case Aggregate(_, of):
                return f"{_head(expr)}({self.line(of)})"
            case Binary():
                left, right = self._side(expr, "left"), self._side(expr, "right")
                return f"{left} {_operator(expr)} {right}"

    def _side(self, expr: Binary, side: str) -> str:
        line = self.line(_operand(expr, side))
        return f"({line})" if _loose(expr, side) else line

    def _bracket(self, inside: tuple[Expr, ...], indent: int) -> str:
        deeper = indent + _INDENT
        shown = self.show(inside[0], deeper)
        for before, expr in pairwise(inside):
            together = isinstance(before, Text) and isinstance(expr, Text)
            shown += (", " if together else f",\n{' ' * deeper}") + self.show(expr, deeper)
        return f"(\n{' ' * deeper}{shown}\n{' ' * indent})"

    def _operand(self, expr: Binary, side: str, indent: int) -> str:
        """A side of a broken operation, in brackets where they are needed or where they help the eye."""
        operand = _operand(expr, side)
        before = 0 if side == "left" else len(_operator(expr)) + 1
        line = self._side(expr, side)
        if indent + before + len(line) <= self.width:
            return line
        if isinstance(operand, Binary) and (_loose(expr, side) or _PRECEDENCE[operand.op] != _PRECEDENCE[expr.op]):
            return self._bracket((operand,), indent)
        return self.show(operand, indent)


def _operand(expr: Binary, side: str) -> Expr:
    return expr.left if side == "left" else expr.right


def _loose(expr: Binary, side: str) -> bool:
    """Whether this operand needs brackets: it binds less tightly, or as tightly and not from left to right."""
    operand = _operand(expr, side)
    if not isinstance(operand, Binary):
        return False
    inner, outer = _PRECEDENCE[operand.op], _PRECEDENCE[expr.op]
    return inner < outer or (inner == outer and (side == "right" or expr.op == "^"))


def _steps(expr: Subquery) -> str:
    return f"[{_duration(expr.over)}:{_duration(expr.step)}]"


def _head(expr: Call | Aggregate) -> str:
    if isinstance(expr, Call):
        return expr.function
    return f"{expr.op} by ({', '.join(expr.by)}) " if expr.by else expr.op


def _operator(expr: Binary) -> str:
    matching = ""
    if expr.on is not None:
        matching = f" on ({', '.join(expr.on)})"
    elif expr.ignoring:
        matching = f" ignoring ({', '.join(expr.ignoring)})"
    matching += " group_left ()" if expr.group_left else ""
    return f"{expr.op}{' bool' if expr.as_bool else ''}{matching}"


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))


@lru_cache(maxsize=1024)
def _duration(value: timedelta) -> str:
    return format_duration(round(value / MILLISECOND) * MILLISECOND)  # PromQL knows nothing finer


def _select(expr: Select) -> str:
    metric, matchers = expr.selector.metric, expr.selector.matchers
    if _RESERVED.fullmatch(metric):
        metric, matchers = "", (Matcher("__name__", "=", metric), *matchers)
    inside = ",".join(f"{matcher.label}{matcher.op}{quote(matcher.value)}" for matcher in matchers)
    over = f"[{_duration(expr.over)}]" if expr.over is not None else ""
    offset = f" offset {_duration(expr.offset)}" if expr.offset is not None else ""
    return f"{metric}{f'{{{inside}}}' if inside else ''}{over}{offset}"
