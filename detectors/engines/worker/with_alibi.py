"""What alibi-detect says of a window. Columns are tested one by one, so that a missing value spoils no other's test."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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


@dataclass
class _Stream:
    """A detector that goes on from window to window.

    Attributes:
        windows: followed so far.
        window: the last of them.
        found: where in it drift was raised, by row from 1; from there on it begins anew.
    """

    detector: Any
    windows: int = 0
    window: str | None = None
    found: list[int] = field(default_factory=list)

    def follow(self, rows: NDArray[Any], window: str) -> None:
        """Go through the rows, once, however often the window is asked about."""
        if window and window == self.window:
            return
        self.windows, self.window, self.found = self.windows + 1, window, []
        for at, row in enumerate(rows, 1):
            if self.detector.predict(row)["data"]["is_drift"]:
                self.found.append(at)
                self.detector.reset_state()
        self._shorten()

    def _shorten(self) -> None:
        """The library keeps a statistic of every row ever seen, and needs the last one."""
        detector = getattr(self.detector, "_detector", self.detector)  # behind the name of several backends
        detector.test_stats, detector.drift_preds = detector.test_stats[-1:], detector.drift_preds[-1:]
        if hasattr(detector, "max_ws"):
            detector.xs = detector.xs[-detector.max_ws :]


_FOLLOWED = 400  # streams; of one that was not asked about for longest what it has seen is forgotten
_streams: OrderedDict[Any, _Stream] = OrderedDict()


def about() -> dict[str, Any]:
    """Which library answers."""
    return {"library": "alibi-detect", "version": str(alibi_detect.__version__)}


def answer(head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Run the checks over the columns that have values."""
    every = list(columns_of(head, body))
    columns = [column for column in every if column.usable]
    rows: list[dict[str, Any]] = []
    head = {**head, "begun": set()}
    for name, options in head["checks"]:
        np.random.seed(head["seed"])
        check: Callable[..., Iterator[dict[str, Any]]] = _TOGETHER.get(name, _each)
        rows += check(name, dict(options), columns, head)
    left_out = [column.name for column in every if not column.usable]
    begun = ", ".join(sorted(head["begun"]))
    note = f"{begun} begins anew with this window." if begun else ""
    return {**about(), "rows": rows, "left_out": left_out, "note": note}, b""


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
    """Rows one after the other, from where the last window ended."""
    if name.startswith("FET"):
        low = min(reference.min(), live.min())
        reference, live = (reference > low).astype(int), (live > low).astype(int)
    key = (head["stream"], name, feature, head["of"], repr(options), reference.tobytes())
    if key not in _streams:  # thresholds are simulated, which takes seconds
        _streams[key] = _Stream(getattr(cd, name)(reference, **{"verbose": False, **options}))
        while len(_streams) > _FOLLOWED:
            _streams.popitem(last=False)
    _streams.move_to_end(key)
    stream = _streams[key]
    stream.follow(live, head["window"])
    if stream.windows == 1:
        head["begun"].add(name)
    found, times = stream.found, len(stream.found)
    detail = f"drift at row {found[0]} of {len(live)}" if found else f"no drift in {len(live)} rows"
    detail += f" and {times - 1} times more" if times > 1 else ""
    shown = {"windows": stream.windows, "raised": times, **({"row": found[0]} if found else {})}
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
    """Labels of the reference, and one column for all others: a new label leaves the reference as it was."""
    known = np.unique(column.present(column.reference))[:LABELS]
    first, second = (
        np.column_stack([side[:, None] == known[None, :], (side >= 0) & ~np.isin(side, known)])
        for side in (column.reference, column.live)
    )
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
