"""A watched model answers as it did, whatever becomes of what it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from burnline.client import Client, watch


class Heard:
    """A burnline that keeps what it was sent."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.client = Client("shop", every_seconds=60, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.events += json.loads(request.content)["events"]
        return httpx.Response(202, json={"refused_count": 0})

    def all(self) -> list[dict[str, Any]]:
        assert self.client.flush(20)
        return self.events


@pytest.fixture
def heard() -> Iterator[Heard]:
    found = Heard()
    yield found
    found.client.close(1)


class Frame:
    """What a data frame has that matters here."""

    columns = ("amount", "age")

    def __init__(self, rows: list[tuple[float, float]]) -> None:
        self.rows = rows

    def itertuples(self, *, index: bool, name: None) -> Iterator[tuple[float, float]]:
        assert not index
        return iter(self.rows)


class Constant:
    """A model without probabilities."""

    def predict(self, rows: Any) -> list[str]:
        return ["fine"] * len(rows.rows if isinstance(rows, Frame) else rows)


def trained() -> LogisticRegression:
    rows = np.array([[-1.0, 0.0], [1.0, 0.0], [-2.0, 1.0], [2.0, 1.0]])
    return LogisticRegression().fit(rows, [0, 1, 0, 1])


def test_each_row_is_an_event_with_its_confidence(heard: Heard) -> None:
    model = trained()
    rows = np.array([[-3.0, 0.5], [3.0, 0.5]])
    watched = watch(model, heard.client, names=["amount", "age"], ids=lambda place, row: f"{place}:{row['amount']}")

    said = watched.predict(rows)

    assert said.tolist() == model.predict(rows).tolist() == [0, 1]
    first, second = heard.all()
    assert first["features"] == {"amount": -3.0, "age": 0.5}
    assert (first["prediction"], second["prediction"]) == (0, 1)
    assert (first["id"], second["id"]) == ("0:-3.0", "1:3.0")
    assert first["confidence"] == pytest.approx(model.predict_proba(rows)[0].max())


def test_a_frame_has_names_of_its_own(heard: Heard) -> None:
    watch(Constant(), heard.client).predict(Frame([(1.0, 2.0)]))

    (event,) = heard.all()
    assert event["features"] == {"amount": 1.0, "age": 2.0}
    assert "confidence" not in event


def test_without_any_names_they_are_numbered(heard: Heard) -> None:
    watch(trained(), heard.client, confidence=False).predict([[1.0, 2.0]])

    (event,) = heard.all()
    assert event["features"] == {"x0": 1.0, "x1": 2.0}
    assert "confidence" not in event


def test_everything_else_is_the_models_own(heard: Heard) -> None:
    watched = watch(trained(), heard.client)

    assert watched.coef_.shape == (1, 2)
    assert watched.score([[1.0, 2.0]], [1]) == 1.0


def test_what_goes_wrong_in_telling_changes_no_answer(heard: Heard) -> None:
    def broken(_place: int, _features: Any) -> str:
        raise RuntimeError("no id")

    said = watch(Constant(), heard.client, ids=broken).predict([[1.0]])

    assert said == ["fine"]
    assert heard.client.stats.dropped_invalid == 1


def test_what_goes_wrong_in_the_model_is_the_callers(heard: Heard) -> None:
    with pytest.raises(ValueError, match="features"):
        watch(trained(), heard.client).predict([[1.0, 2.0, 3.0]])
