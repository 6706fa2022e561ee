"""OpenTelemetry's metric and attribute names as Prometheus writes them: `http.server.request.duration` in seconds
becomes `http_server_request_duration_seconds`.

The rules are those of Prometheus' own translation (underscores, with suffixes): what is no letter or digit separates
words, the unit is added unless it is there, `_total` ends what only grows, and `_ratio` a gauge of unit 1. Some SDKs
leave `_ratio` out on their own pages.
"""

from __future__ import annotations

import re
from functools import lru_cache

UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
PER = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
WORDS = re.compile(r"[^a-zA-Z0-9:]+")
NOT_LABEL = re.compile(r"[^a-zA-Z0-9_]")
LONGEST_NAME = 200
CACHED = 4096


@lru_cache(CACHED)
def metric_name(name: str, unit: str, *, monotonic: bool = False, gauge: bool = False) -> str:
    """The name of a metric's series; empty for a name without a letter or digit.

    >>> metric_name("http.server.request.duration", "s")
    'http_server_request_duration_seconds'
    >>> metric_name("hw.gpu.utilization", "1", gauge=True)
    'hw_gpu_utilization_ratio'
    >>> metric_name("requests", "{request}", monotonic=True)
    'requests_total'
    >>> metric_name("disk.speed", "By/s")
    'disk_speed_bytes_per_second'
    """
    words = [word for word in WORDS.split(name[:LONGEST_NAME]) if word]
    if not words:
        return ""
    main, _, per = unit.partition("/")
    for word in (_unit(main, UNITS), _unit(per, PER)):
        if word and word not in words:
            words += ["per", word] if word == _unit(per, PER) and per else [word]
    if monotonic:
        words = [word for word in words if word != "total"] + ["total"]
    if gauge and unit == "1":
        words = [word for word in words if word != "ratio"] + ["ratio"]
    made = "_".join(words)
    return f"_{made}" if made[0].isdigit() else made


@lru_cache(CACHED)
def label_name(name: str) -> str:
    """The name of an attribute as a label; empty for one that nothing is left of.

    >>> label_name("http.response.status_code")
    'http_response_status_code'
    """
    made = NOT_LABEL.sub("_", name[:LONGEST_NAME])
    if made.startswith("__"):
        made = made.lstrip("_")
    if not made.strip("_"):
        return ""
    return f"key_{made}" if made[0].isdigit() else made


def _unit(unit: str, known: dict[str, str]) -> str:
    """A unit in words; what stands in braces is a remark."""
    plain = re.sub(r"\{[^}]*\}", "", unit).strip()
    return known.get(plain, "_".join(word for word in WORDS.split(plain) if word))
