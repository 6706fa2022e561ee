"""What evidently says of a window: its presets, metrics and tests by name, and its page."""

from __future__ import annotations

import warnings
from typing import Any

import evidently
import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report, metrics, presets, tests
from tables import Column, columns_of, said

warnings.simplefilter("ignore")


def about() -> dict[str, Any]:
    """Which library answers."""
    return {"library": "evidently", "version": str(evidently.__version__)}


def answer(head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Run the checks over the columns that have values; the page comes along when it is asked for and fits."""
    every = list(columns_of(head, body))
    columns = [column for column in every if column.usable]
    if not columns:
        return {**about(), "rows": [], "left_out": [column.name for column in every]}, b""
    np.random.seed(head["seed"])
    report = Report([_check(name, options) for name, options in head["checks"]], include_tests=True)
    done = report.run(_dataset(columns, "live"), _dataset(columns, "reference"))
    rows = _rows(done.dict())
    wanted = head["page_bytes"] and any(row["drift"] for row in rows)  # takes long, and only an alarm keeps it
    page = done.get_html_str(as_iframe=False).encode() if wanted else b""
    left_out = [column.name for column in every if not column.usable]
    said_too_much = len(page) > head["page_bytes"]
    return {**about(), "rows": rows, "left_out": left_out}, b"" if said_too_much else page


def _check(name: str, options: dict[str, Any]) -> Any:
    """A preset or metric with its options; `tests: {lte: 5}` are conditions on its value."""
    made = getattr(presets, name, None) or getattr(metrics, name)
    taken = {
        option: [getattr(tests, condition)(limit) for condition, limit in value.items()]
        if option.endswith("tests")
        else value
        for option, value in options.items()
    }
    return made(**taken)


def _dataset(columns: list[Column], side: str) -> Any:
    frame = pd.DataFrame({column.name: _series(column, getattr(column, side)) for column in columns})
    definition = DataDefinition(
        numerical_columns=[column.name for column in columns if column.is_number],
        categorical_columns=[column.name for column in columns if not column.is_number],
    )
    return Dataset.from_pandas(frame, data_definition=definition)


def _series(column: Column, side: Any) -> Any:
    if column.values is None:
        return pd.Series(np.array(side))
    labels = np.array([*column.values, None], dtype=object)
    return pd.Series(labels[side], dtype=object)  # -1 is the last one


def _rows(done: dict[str, Any]) -> list[dict[str, Any]]:
    values = {metric["id"]: metric["value"] for metric in done["metrics"]}
    return [_row(test, values) for test in done["tests"]]


def _row(test: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    config = test["metric_config"]
    params = config["params"]
    kind = str(params.get("type", "")).rsplit(":", 1)[-1]
    value = values.get(config["metric_id"])
    shown = {"value": value} if isinstance(value, (int, float)) else value if isinstance(value, dict) else {}
    if kind == "ValueDrift" and isinstance(value, (int, float)):
        shown = {str(params.get("method") or "score"): value}
    status = str(getattr(test["status"], "value", test["status"]))
    if status == "ERROR":
        raise RuntimeError(f"{test['name']}: {test['description']}")
    numbers = {str(name): number for name, number in shown.items() if isinstance(number, (int, float))}
    row: dict[str, Any] = said(
        kind,
        str(params.get("column") or ""),
        drift=status == "FAIL",
        detail=str(test["description"])[:300],
        shown=numbers,
        of_drift=kind in ("ValueDrift", "DriftedColumnsCount"),
    )
    return row
