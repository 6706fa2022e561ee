"""`burnline score` with a reference that tells hours apart: rows are compared with the same hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from burnline.detectors.profile import save_reference
from burnline.detectors.profiling.build import Roles, profile_table
from burnline.detectors.tables.open import open_table
from tests.app.conftest import Cli
from tests.app.test_score import score, write


def seasonal(rows: int, *, tide: bool) -> dict[str, list[Any]]:
    """A row a minute; at night amounts are others than by day. Without the tide it is always night."""
    rng = np.random.default_rng(rows)
    at = [datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(rows)]
    night = [each.hour < 8 or not tide for each in at]
    amounts = rng.normal(10, 1, rows) + np.where(night, 0, 50)
    return {"amount": amounts.tolist(), "when": [each.isoformat() for each in at]}


@pytest.fixture(scope="module")
def by_hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hours")
    train = write(folder / "train.csv", seasonal(14 * 1440, tide=True))
    roles = Roles(time="when", slots="hour-of-day")
    save_reference(profile_table(open_table(str(train)), roles, name="t"), folder / "ref.json")
    return folder / "ref.json"


@pytest.mark.parametrize("signal", ["drift", "skew"])
def test_rows_with_a_time_are_compared_with_the_same_hours(by_hour: Path, tmp_path: Path, signal: str) -> None:
    usual = write(tmp_path / "usual.csv", seasonal(2880, tide=True))
    stuck = write(tmp_path / "stuck.csv", seasonal(2880, tide=False))

    quiet, loud = (score(by_hour, file, signal, window=240, columns={}) for file in (usual, stuck))

    assert quiet[-1]["alarms"] == 0
    assert loud[-1]["first_alarm"] == 2  # 8 o'clock


def test_without_a_time_rows_are_compared_with_all_hours(by_hour: Path, tmp_path: Path) -> None:
    columns = seasonal(2880, tide=True)
    del columns["when"]

    *_, summary = score(by_hour, write(tmp_path / "live.csv", columns), window=240, columns={})

    assert summary["first_alarm"] == 0


@pytest.mark.parametrize("moment", ["soon", "", "nan", "inf", "1e300"])
def test_a_row_without_a_moment_is_named(cli: Cli, by_hour: Path, tmp_path: Path, moment: str) -> None:
    columns = seasonal(20_100, tide=True)
    columns["when"][20_050] = moment

    code, _, err = cli("score", "drift", "-r", by_hour, write(tmp_path / "live.csv", columns))

    assert code == 1
    assert "live.csv: when: row 20,050, counted from 0: " in err
    assert "needs ISO 8601, or seconds since 1970" in err
