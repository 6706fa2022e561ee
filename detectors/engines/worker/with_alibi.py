"""What alibi-detect says of a window. Columns are tested one by one, so that a missing value spoils no other's test."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import alibi_detect
import numpy as np
from alibi_detect import cd
from alibi_detect.utils.frameworks import has_pytorch
from numpy.typing import NDArray
from tables import Column, beyond, columns_of, said

warnings.simplefilter("ignore")
LABELS = 20  # columns that one feature of labels becomes, where all features are tested together
P_VALUE = 0.05
ONLINE = {"ert": 1000, "window_sizes": [20], "n_bootstraps": 10_000}  # per feature
ONLINE_TOGETHER = {"ert": 100, "window_size": 10, "n_bootstraps": 1_000}
_made: dict[Any, Any] = {}  # online ones simulate their thresholds, which takes seconds: once a reference


def about() -> dict[str, Any]:
    """Which library answers."""
    return {"library": "alibi-detect", "version": str(alibi_detect.__version__)}


def answer(head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Run the checks over the columns that have values."""
    every = list(columns_of(head, body))
    columns = [column for column in every if column.usable]
    rows: list[dict[str, Any]] = []
    for name, options in head["checks"]:
        np.random.seed(head["seed"])
        check: Callable[..., Iterator[dict[str, Any]]] = _TOGETHER.get(name, _each)
        rows += check(name, dict(options), columns, head)
    left_out = [column.name for column in every if not column.usable]
    return {**about(), "rows": rows, "left_out": left_out}, b""


def _each(name: str, options: dict[str, Any], columns: list[Column], head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    tested = [column for column in columns if _fits(name, column)]
    p_value = options.pop("p_val", P_VALUE) / max(1, len(tested))  # Bonferroni, as the library does it for one detector
    for column in tested:
        if name.endswith("Online"):
            yield _stream(name, column.name, *_sides(column), {**ONLINE, **options}, head)
        else:
            yield _one(name, column, {**options, "p_val": p_value})


def _fits(name: str, column: Column) -> bool:
    """KS and CVM test numbers, chi-square labels, Fisher's test what has two values."""
    if name.startswith("FET"):
        return len(np.unique(np.concatenate([column.present(column.reference), column.present(column.live)]))) == 2
    return bool(column.is_number != name.startswith("ChiSquare"))


def _sides(column: Column) -> tuple[NDArray[Any], NDArray[Any]]:
    return column.present(column.reference).reshape(-1, 1), column.present(column.live).reshape(-1, 1)


def _one(name: str, column: Column, options: dict[str, Any]) -> dict[str, Any]:
    reference, live = _sides(column)
    if name.startswith("ChiSquare"):  # values on either side: one that is new would end it otherwise
        options = {**options, "categories_per_feature": {0: len(column.values or ())}}
    if name.startswith("FET"):
        low = min(reference.min(), live.min())
        reference, live = (reference > low).astype(int), (live > low).astype(int)
        options = {"alternative": "two-sided", **options}
    found = getattr(cd, name)(reference, **options).predict(live)["data"]
    p, distance = float(np.ravel(found["p_val"])[0]), float(np.ravel(found["distance"])[0])
    detail = f"p = {p:.3g}, needs {options['p_val']:.3g} or less for drift; statistic {distance:.4g}"
    shown = {"p": p, "statistic": distance}
    row: dict[str, Any] = said(name, column.name, drift=bool(found["is_drift"]), detail=detail, shown=shown)
    return row


def _together(
    name: str, options: dict[str, Any], columns: list[Column], head: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    reference, live = _matrix(columns)
    if not reference.shape[1]:
        return
    options = {"backend": _backend(head["seed"]), **options}
    if name.endswith("Online"):
        yield _stream(name, "", reference, live, {**ONLINE_TOGETHER, **options}, head)
        return
    options = {"p_val": P_VALUE, **options}
    found = getattr(cd, name)(reference, **options).predict(live)["data"]
    p, distance, limit = (float(found[key]) for key in ("p_val", "distance", "distance_threshold"))
    detail = f"p = {p:.3g} by permutations; distance {distance:.4g}, threshold {limit:.4g}"
    shown = {"p": p, "distance": distance, "threshold": limit}
    yield said(name, "", drift=bool(found["is_drift"]), detail=detail, shown=shown, excess=beyond(distance, limit))


_TOGETHER = dict.fromkeys(("MMDDrift", "LSDDDrift", "MMDDriftOnline", "LSDDDriftOnline"), _together)


def _stream(
    name: str,
    feature: str,
    reference: NDArray[Any],
    live: NDArray[Any],
    options: dict[str, Any],
    head: dict[str, Any],
) -> dict[str, Any]:
    """Rows one after the other: drift at the first that raises it. Nothing is carried over to the next window."""
    if name.startswith("FET"):
        low = min(reference.min(), live.min())
        reference, live = (reference > low).astype(int), (live > low).astype(int)
    key = (name, feature, head["of"], repr(options), reference.tobytes())
    if key not in _made:
        if len(_made) >= 200:
            _made.clear()
        _made[key] = getattr(cd, name)(reference, **{"verbose": False, **options})
    detector = _made[key]
    detector.reset_state()
    found = next((at for at, row in enumerate(live, 1) if detector.predict(row)["data"]["is_drift"]), 0)
    detail = f"drift at row {found} of {len(live)}" if found else f"no drift in {len(live)} rows"
    shown = {"row": float(found)} if found else {}
    row: dict[str, Any] = said(name, feature, drift=bool(found), detail=detail, shown=shown)
    return row


def _matrix(columns: list[Column]) -> tuple[NDArray[Any], NDArray[Any]]:
    """All features of one row side by side: numbers by the reference's median and quartiles, labels as 0 and 1."""
    sides: list[list[NDArray[Any]]] = [[], []]
    for column in columns:
        for at, part in enumerate(_numbers(column) if column.is_number else _labels(column)):
            sides[at].append(part)
    reference, live = (np.hstack(parts).astype(np.float32) if parts else np.empty((0, 0)) for parts in sides)
    return reference, live


def _numbers(column: Column) -> tuple[NDArray[Any], NDArray[Any]]:
    low, middle, high = np.quantile(column.present(column.reference), [0.25, 0.5, 0.75])
    spread = (high - low) or 1.0
    scaled = [np.nan_to_num((side - middle) / spread, nan=0.0) for side in (column.reference, column.live)]
    first, second = (np.clip(side, -50, 50).reshape(-1, 1) for side in scaled)
    return first, second


def _labels(column: Column) -> tuple[NDArray[Any], NDArray[Any]]:
    width = min(len(column.values or ()), LABELS)
    first, second = (side[:, None] == np.arange(width)[None, :] for side in (column.reference, column.live))
    return first, second


def _backend(seed: int) -> str:
    """The backend that is there, seeded."""
    if has_pytorch:
        import torch

        torch.manual_seed(seed)
        torch.set_num_threads(1)
        return "pytorch"
    import tensorflow

    tensorflow.random.set_seed(seed)
    return "tensorflow"
