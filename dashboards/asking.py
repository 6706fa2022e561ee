"""PromQL from the names of series, for tables of panels that know no service yet."""

from __future__ import annotations

from burnline.dashboards.panels import RATE, Query

OF = "$of"  # stands for the service's matchers until `shown` fills them in
MACHINE = ("burnline_host_", "burnline_gpu_")  # what belongs to no service
HOUR = 3600


def series(name: str) -> str:
    """The series of a name, of the service alone where it belongs to one."""
    return name if name.startswith(MACHINE) else name + OF


def over(how: str, by: tuple[str, ...], inner: str) -> str:
    """An aggregation; over everything without `by`."""
    return f"{how} by ({', '.join(by)}) ({inner})" if by else f"{how}({inner})"


def value(name: str, *by: str, legend: str = "", how: str = "sum") -> Query:
    """A gauge as it stands."""
    return Query(over(how, by, series(name)), legend)


def growth(name: str, by: tuple[str, ...] = ()) -> str:
    """The rate of a counter, as a part of an expression."""
    return over("sum", by, f"rate({series(name)}[{RATE}])")


def rate(name: str, *by: str, legend: str = "", times: int = 1) -> Query:
    """What a counter grows by in a second, or in `times` seconds."""
    return Query(growth(name, by) + (f" * {times}" if times != 1 else ""), legend)


def increase(name: str, *by: str, legend: str = "") -> Query:
    """What a counter grew by between two points."""
    return Query(over("sum", by, f"increase({series(name)}[{RATE}])"), legend)


def ratio(part: str, whole: str, *by: str, legend: str = "") -> Query:
    """The growth of one counter by that of another; 0 where the part has no series yet."""
    total = growth(whole, by)
    return Query(f"({growth(part, by)} or {total} * 0) / ({total} > 0)", legend)


def mean(name: str, *by: str, legend: str = "") -> Query:
    """The mean of a histogram or summary."""
    return Query(f"{growth(f'{name}_sum', by)} / ({growth(f'{name}_count', by)} > 0)", legend)


def age(name: str, *by: str, legend: str = "") -> Query:
    """How long ago a moment was."""
    return Query(f"time() - {over('max', by, series(name))}", legend)


def quantiles(
    name: str, *by: str, legend: str = "", shares: tuple[float, ...] = (0.5, 0.95, 0.99)
) -> tuple[Query, ...]:
    """Quantiles of a histogram."""
    buckets = growth(f"{name}_bucket", ("le", *by))
    return tuple(
        Query(f"histogram_quantile({share:g}, {buckets})", f"{legend} p{share * 100:g}".strip()) for share in shares
    )
