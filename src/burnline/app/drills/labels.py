"""Labels that a selector matches, found by trying: what a simulated service must show for its SLIs to count it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, product

from burnline.slo.increments import Series, series
from burnline.spec.selector import Matcher, Selector

USUAL = ("200", "503", "500", "404", "GET", "ok", "error", "true", "false", "x", "0", "1", "")
MOST_TRIES = 20_000
_WILD = (("\\d", "0"), ("\\w", "x"), (".*", ""), (".+", "x"), ("\\.", "."), (".", "0"))


def find_series(metric: str, must: Sequence[Selector], must_not: Sequence[Selector] = ()) -> Series | None:
    """A series of `metric` that all of `must` match and none of `must_not`; None when none was found."""
    matchers: dict[str, list[Matcher]] = {}
    for selector in (*must, *must_not):
        for matcher in selector.matchers:
            matchers.setdefault(matcher.label, []).append(matcher)
    choices = [tuple(dict.fromkeys(_values(found))) for found in matchers.values()]
    for values in islice(product(*choices), MOST_TRIES):
        labels = {name: value for name, value in zip(matchers, values, strict=True) if value}
        if all(each.matches(metric, labels) for each in must) and not any(
            each.matches(metric, labels) for each in must_not
        ):
            return series(metric, labels)
    return None


def _values(matchers: Sequence[Matcher]) -> Iterator[str]:
    for matcher in matchers:
        yield from (matcher.value,) if matcher.op in ("=", "!=") else _samples(matcher.value)
    yield from USUAL


def _samples(pattern: str) -> Iterator[str]:
    """Texts that a regular expression may match: its alternatives with what is wild in them written out."""
    plain = re.sub(r"\(\?:|[()^$]", "", re.sub(r"\[\^?(.)[^\]]*\]", r"\1", pattern))
    for part in plain.split("|"):
        written = part
        for wild, text in _WILD:
            written = written.replace(wild, text)
        yield re.sub(r"[*+?]|\{\d+(,\d*)?\}", "", written)
