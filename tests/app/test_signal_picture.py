"""The geometry of a signal's pictures: what is tall is common, what is red is an alarm, and a gap stays a gap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.app.signal_picture import FEW, HEIGHT, HISTOGRAM, LEAST, WIDTH, alarm_since, histogram, score_chart
from burnline.app.signal_views import Judged
from burnline.events import Cell, Verdict

START = datetime(2026, 1, 5, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
OK, ALARM, NO_DATA = Verdict.OK, Verdict.ALARM, Verdict.NO_DATA
shares = st.floats(0, 1, allow_nan=False)


def findings(*said: tuple[Verdict, float | None]) -> list[Judged]:
    return [
        Judged(at, at + WINDOW, verdict, score)
        for number, (verdict, score) in enumerate(said)
        for at in [START + number * WINDOW]
    ]


def test_the_tallest_bar_fills_the_picture_and_the_others_keep_its_scale() -> None:
    drawn = histogram([Cell("DE", 0.6, 0.3), Cell("FR", 0.4, 0.4), Cell("new", 0.0, 0.3)])

    assert drawn is not None
    assert (drawn.tallest, drawn.width) == (0.6, 3 * LEAST / FEW)
    assert [cell.reference_height for cell in drawn.cells] == pytest.approx([HISTOGRAM, HISTOGRAM * 0.4 / 0.6, 0])
    assert [cell.gained for cell in drawn.cells] == [False, False, True]


def test_what_is_wrong_with_some_events_is_drawn_as_their_share_of_all() -> None:
    few, many = (
        histogram([Cell("missing", 0.0, 0.051)]),
        histogram([Cell("missing", 0.001, 0.249), Cell("new", 0.0, 0.1)]),
    )

    assert few is not None
    assert many is not None
    assert (few.full, many.full, many.tallest) == (1.0, 1.0, 0.249)
    assert [each.cells[0].live_height for each in (few, many)] == pytest.approx([0.051 * HISTOGRAM, 0.249 * HISTOGRAM])


def test_noise_is_not_marked_as_a_gain() -> None:
    drawn = histogram([Cell("DE", 0.5, 0.51), Cell("FR", 0.5, 0.49)])

    assert drawn is not None
    assert not any(cell.gained for cell in drawn.cells)


def test_without_any_share_there_is_no_picture() -> None:
    assert histogram([]) is None
    assert histogram([Cell("DE", 0.0, 0.0)]) is None


@given(st.lists(st.tuples(shares, shares), max_size=70))
def test_every_bar_stands_inside_the_picture(pairs: list[tuple[float, float]]) -> None:
    drawn = histogram([Cell(str(number), reference, live) for number, (reference, live) in enumerate(pairs)])

    for cell in drawn.cells if drawn else ():
        assert drawn is not None
        assert 0 <= cell.x <= drawn.width - 2 * drawn.bar
        assert 0 <= cell.reference_height <= HISTOGRAM * 1.0001
        assert 0 <= cell.live_height <= HISTOGRAM * 1.0001
        assert not cell.gained or cell.live > (cell.reference or 0.0)


def test_the_scale_of_scores_ends_above_the_limit_and_above_the_highest_score() -> None:
    quiet = score_chart(findings((OK, 0.001)), START, START + WINDOW, limit=0.05)
    loud = score_chart(findings((ALARM, 0.4)), START, START + WINDOW, limit=0.05)
    whole = score_chart(findings((ALARM, 1.0)), START, START + WINDOW, limit=0.05)

    assert (quiet.top, loud.top, whole.top) == (0.0625, 0.5, 1.0)
    assert quiet.limit == HEIGHT * (1 - 0.05 / 0.0625)


def test_noise_without_a_limit_does_not_look_like_a_mountain() -> None:
    drawn = score_chart(findings((OK, 0.0005)), START, START + WINDOW, limit=None)

    assert list(*drawn.points) == pytest.approx([WIDTH / 2, HEIGHT * (1 - 0.0005 / 0.025)])
    assert drawn.limit is None


def test_windows_without_data_interrupt_the_line_and_are_marked() -> None:
    drawn = score_chart(
        findings((OK, 0.0), (OK, 0.0), (NO_DATA, None), (ALARM, 0.1)), START, START + 4 * WINDOW, limit=0.05
    )

    assert [len(line.split()) for line in drawn.lines] == [2]
    assert list(*drawn.points) == pytest.approx([WIDTH * 7 / 8, HEIGHT * (1 - 0.1 / 0.125)])
    assert [(span.kind, span.x, span.width) for span in drawn.spans] == [
        ("gap", WIDTH / 2, WIDTH / 4),
        ("alarm", WIDTH * 3 / 4, WIDTH / 4),
    ]


@given(st.lists(st.sampled_from([None, 0.0, 0.1, 1.0]), min_size=1, max_size=20))
def test_every_window_with_a_score_is_drawn_once_in_a_line_or_as_a_point(scores: list[float | None]) -> None:
    said = findings(*((NO_DATA if score is None else OK, score) for score in scores))

    drawn = score_chart(said, START, said[-1].end, limit=None)

    inside = sum(len(line.split()) for line in drawn.lines)
    assert inside + len(drawn.points) == sum(score is not None for score in scores)
    assert all(len(line.split()) > 1 for line in drawn.lines)


def test_an_alarm_began_with_its_first_window_and_silence_does_not_end_it() -> None:
    assert alarm_since(findings((OK, 0.0), (ALARM, 0.1), (NO_DATA, None), (ALARM, 0.1))) == START + WINDOW
    assert alarm_since(findings((ALARM, 0.1), (NO_DATA, None))) == START
    assert alarm_since(findings((ALARM, 0.1), (OK, 0.0))) is None
    assert alarm_since(findings((NO_DATA, None))) is None
    assert alarm_since([]) is None


def test_where_nothing_is_compared_no_bar_stands_beside_and_none_has_grown() -> None:
    drawn = histogram([Cell("en", None, 0.8), Cell("de", None, 0.2)])

    assert drawn is not None
    assert [(cell.reference, cell.reference_height, cell.gained) for cell in drawn.cells] == [(None, 0.0, False)] * 2
    assert drawn.full == 0.8
