"""A model that tells burnline of its predictions: anything with `predict`, as scikit-learn's estimators have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from burnline.client.client import Client


class Watched:
    """The model, unchanged but for what it tells. Everything but `predict` is the model's own.

    With `predict_proba` the confidence of a prediction is the largest probability; the model is asked once more for it.
    """

    def __init__(
        self,
        model: Any,
        client: Client,
        *,
        names: Sequence[str] | None = None,
        ids: Callable[[int, Mapping[str, Any]], str | int | None] | None = None,
        confidence: bool = True,
    ) -> None:
        self.model = model
        self.client = client
        self._names = names
        self._ids = ids
        self._confidence = confidence

    def __getattr__(self, name: str) -> Any:
        if name == "model":  # while it is being unpickled
            raise AttributeError(name)
        return getattr(self.model, name)

    def predict(self, rows: Any, *args: Any, **options: Any) -> Any:
        """What the model predicts; each row is one event."""
        said = self.model.predict(rows, *args, **options)
        try:
            sure = self._sureness(rows)
            for place, (features, answer) in enumerate(zip(self._rows(rows), _list(said), strict=True)):
                event_id = self._ids(place, features) if self._ids else None
                self.client.prediction(features, answer, sure[place] if sure else None, id=event_id)
        except Exception as error:  # noqa: BLE001 - whoever asks the model gets its answer
            self.client.failed(error)
        return said

    def _sureness(self, rows: Any) -> list[float] | None:
        chances = getattr(self.model, "predict_proba", None) if self._confidence else None
        return [float(max(row)) for row in _list(chances(rows))] if callable(chances) else None

    def _rows(self, rows: Any) -> Iterator[Mapping[str, Any]]:
        """Each row by the names of its features: the frame's own, those given, or the model's."""
        if hasattr(rows, "columns"):  # a data frame
            names = [str(name) for name in rows.columns]
            rows = rows.itertuples(index=False, name=None)
        else:
            names = [str(name) for name in self._known_names(rows)]
            rows = _list(rows)
        for row in rows:
            yield dict(zip(names, row, strict=True))

    def _known_names(self, rows: Any) -> Sequence[str]:
        if self._names is not None:
            return self._names
        known = getattr(self.model, "feature_names_in_", None)
        return list(known) if known is not None else [f"x{place}" for place in range(len(rows[0]))]


def watch(
    model: Any,
    client: Client,
    *,
    names: Sequence[str] | None = None,
    ids: Callable[[int, Mapping[str, Any]], str | int | None] | None = None,
    confidence: bool = True,
) -> Watched:
    """The model, telling `client` of each prediction.

    Args:
        names: of the features, where rows have none of their own.
        ids: gives the id of an event from its place in the batch and its features, for labels to find it.
        confidence: ask `predict_proba` as well, where there is one.
    """
    return Watched(model, client, names=names, ids=ids, confidence=confidence)


def _list(values: Any) -> Any:
    """Arrays as lists of Python's own values."""
    return values.tolist() if hasattr(values, "tolist") else values
