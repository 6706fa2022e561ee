"""Which sets of cells are watched."""

from __future__ import annotations

import numpy as np

from burnline.detectors.profile import Category, Number
from burnline.detectors.statistics.moves import Moves

NUMBER = Number(tuple(map(float, range(1, 20))), (50,) * 20, 0, 0.0, 20.0)
LABELS = Category(("a", "b"), (700, 200), (), 0, 50, 50)


def test_below_and_above_each_cut_are_watched_and_both_ends_together() -> None:
    moves = Moves([NUMBER], [0])
    spread = np.zeros(22)
    spread[[0, 19]] = 100

    shares = moves.count(spread, np.array([200.0])) / 200

    assert moves.kinds == [24]  # 7 cuts, 3 pairs of cuts, missing, wrong: inside and outside of each
    assert shares.max() == 1  # everything lies outside the middle
    assert np.allclose(shares[::2] + shares[1::2], 1)


def test_every_label_and_every_odd_cell_is_watched_by_itself() -> None:
    moves = Moves([LABELS], [0])
    for cell in range(6):
        one = np.zeros(6)
        one[cell] = 10

        assert 10 in moves.count(one, np.array([10.0]))


def test_columns_stand_one_after_another() -> None:
    moves = Moves([NUMBER, LABELS, NUMBER], [0, 22, 28])
    cells = np.zeros(50)
    cells[22] = 7

    counted = moves.count(cells, np.array([0.0, 7.0, 0.0]))

    assert set(moves.owner[counted > 0].tolist()) == {1}


def test_a_column_of_nothing_has_moves_too() -> None:
    empty = Number((), (0,), 100, None, None)

    assert Moves([empty], [0]).kinds[0] > 0
