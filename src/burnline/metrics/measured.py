"""The register of what burnline measures itself and passes on: one name, one help text; `_total` means counter."""

from __future__ import annotations

MOST_SERIES = 2_000  # sets of labels of one service under one name: beyond, the labels' values become OTHER
MOST_VERSIONS = 100  # told apart under one name that counts by version; further ones become OTHER
OTHER = "__other__"

MEASURED: dict[str, str] = {}  # name -> help; filled by the modules beside this one as they are imported
HISTOGRAMS: set[str] = set()  # those of MEASURED whose samples are _bucket, _sum and _count
SUMMARIES: set[str] = set()  # those whose samples are _sum and _count


def measured(name: str, text: str) -> str:
    """Enter `name`, a series' full name with its unit, and give it back; `text` names the labels in braces."""
    if name in MEASURED:
        raise ValueError(f"{name} is measured twice")
    MEASURED[name] = text
    return name


def measured_histogram(name: str, text: str) -> str:
    """As `measured`, for a classic histogram."""
    HISTOGRAMS.add(measured(name, text))
    return name


def measured_summary(name: str, text: str) -> str:
    """As `measured`, for a sum of so many: two samples, `_sum` and `_count`."""
    SUMMARIES.add(measured(name, text))
    return name


def kind_of(name: str) -> str:
    """`counter`, `gauge`, `histogram` or `summary`."""
    if name in HISTOGRAMS or name in SUMMARIES:
        return "histogram" if name in HISTOGRAMS else "summary"
    return "counter" if name.endswith("_total") else "gauge"
