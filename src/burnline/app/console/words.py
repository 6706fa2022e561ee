"""How numbers and times are written on a page. All times are UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Any

from markupsafe import Markup, escape

NOTHING = "\N{EN DASH}"
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
CONTROL = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r"}
UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def percent(value: float | None, digits: int = 2) -> str:
    """A share as a percentage, without needless zeros.

    >>> percent(0.999), percent(1.0), percent(0.98235)
    ('99.9%', '100%', '98.23%')
    """
    if value is None:
        return NOTHING
    written = f"{value * 100:.{digits}f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written) + "%"


def rate(value: float | None) -> str:
    """A burn rate, to two decimals: so many times what the budget allows."""
    if value is None:
        return NOTHING
    if 0 < value < 0.01:
        return "<0.01" + TIMES
    return (f"{round(value, 2):.3g}" if value < 100 else f"{value:.0f}") + TIMES


def visible(value: Any) -> Any:
    """A value as a page may hold it: what would steer a terminal or break XML (ESC, NUL, ...) becomes a replacement.

    >>> visible("a" + chr(27) + "[2Jb"), visible(7)
    ('a�[2Jb', 7)
    """
    return value.translate(CONTROL) if isinstance(value, str) and not isinstance(value, Markup) else value


def span(value: timedelta) -> str:
    """The two largest units.

    >>> span(timedelta(hours=26, minutes=5)), span(timedelta(seconds=2.04)), span(timedelta(minutes=3))
    ('1d 2h', '2s', '3m')
    """
    seconds = abs(value.total_seconds())
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    seconds = round(seconds)
    parts: list[str] = []
    for unit, size in UNITS:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0"))


def brief(seconds: float) -> str:
    """How long something took, in the unit that fits.

    >>> brief(0.0000482), brief(0.0482), brief(2.5), brief(95), brief(0)
    ('48.2 µs', '48.2 ms', '2.5 s', '1m 35s', '0 s')
    """
    seconds = float(f"{seconds:.3g}") if seconds < 60 else seconds
    if seconds >= 60:
        return span(timedelta(seconds=seconds))
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs" if seconds > 0 else "0 s"


def delta(value: timedelta) -> str:
    """A signed span.

    >>> delta(timedelta(seconds=90)), delta(timedelta(0))
    ('+1m 30s', '0s')
    """
    written = span(value)
    return written if written == "0s" else (MINUS if value < timedelta(0) else "+") + written


def clock(at: datetime) -> str:
    """The time of day."""
    return f"{at:%H:%M:%S}"


def moment(at: datetime) -> str:
    """Day and time."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def plan(planned: Mapping[str, Any]) -> str:
    """What a run would change, in words.

    >>> change = {"kind": "alias", "target": "/srv/registry.json#champion", "from_version": "2", "to_version": "1"}
    >>> plan({"changes": [change]})
    'alias registry.json#champion from 2 to 1'
    """
    return "; ".join(map(_change, planned.get("changes", ()))) or "nothing to change"


def _change(change: Mapping[str, Any]) -> str:
    target = PurePath(str(change.get("target", ""))).name
    return f"{change.get('kind')} {target} from {change.get('from_version') or 'what is'} to {change.get('to_version')}"


def coded(text: str) -> Markup:
    """Text in which what stands between backticks is code; everything in it stays text.

    >>> coded("run `ls <dir>` & see")
    Markup('run <code>ls &lt;dir&gt;</code> &amp; see')
    """
    parts = visible(text).split("`")
    whole = len(parts) % 2 == 1  # a backtick without its end is a backtick
    return escape("" if whole else "`").join(
        Markup("<code>{}</code>").format(part) if whole and n % 2 else escape(part) for n, part in enumerate(parts)
    )


def named(text: str) -> Markup:
    """A sentence of ours that has the names of labels in braces.

    >>> named("Runs of {job} that began.")
    Markup('Runs of <code>job</code> that began.')
    """
    return coded(text.replace("{", "`").replace("}", "`"))


FILTERS = {
    "coded": coded,
    "named": named,
    "percent": percent,
    "rate": rate,
    "span": span,
    "brief": brief,
    "delta": delta,
    "clock": clock,
    "moment": moment,
    "plan": plan,
}
