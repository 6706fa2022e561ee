"""The libraries that can judge drift, and what may be chosen of each by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BURNLINE = "burnline"


@dataclass(frozen=True, slots=True)
class Library:
    """One library.

    Attributes:
        checks: names that `checks` may hold.
        default: those that are taken when it holds none.
        module: what Python imports.
        setting: the environment variable that names an interpreter which has it.
        page: whether it makes an HTML page of a window.
        note: what whoever chooses it must know; empty for nothing.
    """

    name: str
    checks: frozenset[str]
    default: tuple[str, ...]
    module: str
    setting: str
    page: bool = False
    note: str = ""

    @property
    def online(self) -> frozenset[str]:
        """Checks that follow a stream, here the rows of one window."""
        return frozenset(name for name in self.checks if name.endswith("Online"))

    @property
    def remedy(self) -> str:
        """What to do where it is not installed."""
        return f"{self.setting} must name an interpreter that has it, see docs/detectors/engines.md"


EVIDENTLY = Library(
    "evidently",
    frozenset(
        (
            *("DataDriftPreset", "DataSummaryPreset", "ValueDrift", "DriftedColumnsCount"),
            *("MissingValueCount", "DatasetMissingValueCount", "EmptyRowsCount", "EmptyColumnsCount"),
            *("ConstantColumnsCount", "AlmostConstantColumnsCount", "DuplicatedColumnsCount", "DuplicatedRowCount"),
            *("MinValue", "MaxValue", "MeanValue", "MedianValue", "StdValue", "SumValue", "QuantileValue"),
            *("CategoryCount", "UniqueValueCount", "InRangeValueCount", "OutRangeValueCount"),
            *("InListValueCount", "OutListValueCount", "RowCount", "ColumnCount"),
        )
    ),
    ("DataDriftPreset",),
    module="evidently",
    setting="BURNLINE_EVIDENTLY_PYTHON",
    page=True,
)
ALIBI = Library(
    "alibi-detect",
    frozenset(
        (
            *("KSDrift", "CVMDrift", "ChiSquareDrift", "FETDrift", "MMDDrift", "LSDDDrift"),
            *("CVMDriftOnline", "FETDriftOnline", "MMDDriftOnline", "LSDDDriftOnline"),
        )
    ),
    ("KSDrift", "ChiSquareDrift"),
    module="alibi_detect",
    setting="BURNLINE_ALIBI_PYTHON",
    note="alibi-detect is under the Business Source License 1.1 (0.11.5 and newer): "
    "use in production needs a licence from its owner, Seldon Technologies",
)
LIBRARIES: Mapping[str, Library] = {"evidently": EVIDENTLY, "alibi": ALIBI}
