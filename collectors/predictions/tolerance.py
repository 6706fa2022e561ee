"""Whether a feature had the value when it was served that training gives it: by its type, with what rounding allows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from burnline.events import Mismatch

Features: TypeAlias = Mapping[str, Any]
RELATIVE = 1e-5  # a float32 that went through a handful of operations
ABSOLUTE = 1e-9  # what is left of a difference that should be 0
EXACT_BELOW = 2**24  # a float32 holds every whole number up to here
TIMES = {
    1000: Mismatch.TIMES_1000,
    100: Mismatch.TIMES_100,
    10: Mismatch.TIMES_10,
    0.1: Mismatch.TENTH,
    0.01: Mismatch.HUNDREDTH,
    0.001: Mismatch.THOUSANDTH,
    -1: Mismatch.SIGN,
}


def compare(
    served: Features, trained: Features, *, relative: float = RELATIVE, own: Mapping[str, float] | None = None
) -> dict[str, Mismatch | None]:
    """What differs, by the features that both sides name; None where nothing does.

    `relative` is the tolerance of numbers, `own` that of some features. A name that one side lacks is not compared; a
    value that it says is missing is.
    """
    own = own or {}
    return {
        name: mismatch(served[name], value, own.get(name, relative), exact=name not in own)
        for name, value in trained.items()
        if name in served
    }


def mismatch(served: Any, trained: Any, relative: float = RELATIVE, *, exact: bool = True) -> Mismatch | None:
    """What is wrong with one value, None when nothing is. True is 1. Whole numbers must be equal where `exact`.

    >>> mismatch(12.5, 1250.0)
    <Mismatch.HUNDREDTH: 'a hundredth of what training has'>
    >>> mismatch(0.1, 0.10000000149011612) is None  # a float32
    True
    >>> mismatch("3", 3)
    <Mismatch.TYPE: 'of another type'>
    """
    if _missing(served) or _missing(trained):
        if _missing(served) and _missing(trained):
            return None
        return Mismatch.NOT_SERVED if _missing(served) else Mismatch.NOT_TRAINED
    if isinstance(served, str) or isinstance(trained, str):
        if type(served) is not type(trained):
            return Mismatch.TYPE
        return None if served == trained else Mismatch.OTHER
    try:
        return _numbers(float(served), float(trained), relative, exact=exact)
    except OverflowError:  # a whole number beyond any float
        return None if served == trained else Mismatch.OTHER


def _numbers(served: float, trained: float, relative: float, *, exact: bool) -> Mismatch | None:
    if served == trained:
        return None
    whole = exact and _counts(served) and _counts(trained)
    if not whole and math.isclose(served, trained, rel_tol=relative, abs_tol=ABSOLUTE):
        return None
    for times, kind in TIMES.items():
        if math.isclose(served, times * trained, rel_tol=max(relative, RELATIVE)):
            return kind
    return Mismatch.OTHER


def _counts(value: float) -> bool:
    return abs(value) < EXACT_BELOW and value.is_integer()


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
