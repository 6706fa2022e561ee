"""A scored table drawn: the worst feature first, its shape beside the reference's, and names that stay text."""

from __future__ import annotations

import re
from typing import Any

from burnline.app.score.page import FEATURES, Page
from burnline.events import Cell, Contributor

HOSTILE = "<script>alert(1)</script>\x00"


CELLS = (Cell("up to 3", 0.5, 0.2), Cell(HOSTILE, 0.5, 0.8))
Line = tuple[dict[str, Any], Contributor | None]


def record(window: int, feature: str, score: float | None, verdict: str = "ok") -> Line:
    said = {"window": window, "feature": feature, "score": score, "verdict": verdict, "reason": f"why {window}"}
    return said, None if score is None else Contributor(feature, score, "", CELLS, {"psi": 0.4})


def summary(**more: Any) -> dict[str, Any]:
    known = {
        "summary": True,
        "signal": "drift",
        "rows": 3000,
        "windows": 3,
        "alarms": 1,
        "first_alarm": 2,
        "no_data": 0,
    }
    return {**known, "verdict": "alarm", **more}


def drawn(*lines: Line, **more: Any) -> str:
    page = Page()
    for line in lines:
        page.take(*line)
    return page.html("live.csv", "ref.json", summary(**more))


def test_the_worst_feature_stands_first_with_its_worst_window() -> None:
    html = drawn(record(0, "age", 0.01), record(0, "city", 0.1), record(1, "age", 0.4, "alarm"))

    assert re.findall(r"<h2>(\w+) <span[^>]*>([^<]*)", html) == [
        ("age", "0.400 in window 1"),
        ("city", "0.100 in window 0"),
    ]
    assert "why 1" in html
    assert "3,000 rows in 3 windows against ref.json; 1 in alarm, the first is window 2." in " ".join(html.split())


def test_a_calm_feature_is_drawn_as_well() -> None:
    assert drawn(record(0, "age", 0.0)).count('<svg class="histogram"') == 1


def test_a_window_without_data_interrupts_the_line() -> None:
    html = drawn(record(0, "age", 0.0), record(1, "age", None, "no_data"), record(2, "age", 0.2, "alarm"))

    assert (html.count("<polyline"), html.count('<path class="point"')) == (0, 2), "one window by itself is a point"
    assert html.count('<rect class="gap"') == 1


def test_a_table_without_any_data_is_drawn_as_such() -> None:
    html = drawn(record(0, "age", None, "no_data"), verdict="no_data", alarms=0, first_alarm=None, no_data=3)

    assert "no data" in html
    assert "3 without data" in html
    assert "<polyline" not in html


def test_names_and_values_are_text() -> None:
    html = drawn(record(0, HOSTILE, 0.3, "alarm"))

    assert "<script>" not in html
    assert "\x00" not in html


def test_of_many_features_the_worst_are_drawn_and_the_others_named() -> None:
    html = drawn(*(record(0, f"f{number}", number / 1000) for number in range(FEATURES + 2)))

    assert html.count("<section>") == FEATURES
    assert "Not drawn, all with lower scores: f1, f0" in html


def test_the_limit_the_scale_and_the_ends_of_many_bars_are_told() -> None:
    many = tuple(Cell(f"above {at}", 0.05, 0.05) for at in range(20))
    page = Page()
    page.limit = 0.05
    page.take(record(0, "age", 0.02)[0], Contributor("age", 0.02, "", (*many, Cell("missing", 0.0, 0.1))))

    html = page.html("live.csv", "ref.json", summary())

    assert html.count('<line class="limit"') == 1
    assert "scale is 0 to 6.25%; dashed: the limit." in html
    assert re.findall(r"<text [^>]*>([^<]*)", html) == ["above 0", "above 19"]
