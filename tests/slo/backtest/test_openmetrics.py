"""History as OpenMetrics text."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnline.errors import SpecError
from burnline.slo.backtest.openmetrics import read_openmetrics
from burnline.slo.backtest.samples import Samples


def read(folder: Path, text: str) -> Samples:
    path = folder / "history.txt"
    path.write_text(text)
    found = Samples()
    read_openmetrics(path, {"req_total"}, found)
    return found


def test_samples_of_a_target_are_read_together_in_time_order(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "# HELP req_total Requests.\n# TYPE req_total counter\n"
        'req_total{code="200",instance="a"} 1 60\nreq_total{code="200",instance="a"} 5 120\n'
        'req_total{code="5\\"x,}",instance="a"} 2 120\nreq_total{instance="b"} 1 90\nother 5 60\n# EOF\n',
    )

    turns = list(found.collections("shop"))

    assert [(turn.at.timestamp(), turn.target, len(turn.samples)) for turn in turns] == [
        (60, "/a", 1),
        (90, "/b", 1),
        (120, "/a", 2),
    ]
    assert turns[2].samples[1].labels["code"] == '5"x,}'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("req_total{a=b} 1 60", "'{a=b}' holds no labels"),
        ("req_total", "is no sample; write `name{label"),
        ("req_total 1", "has no timestamp: without one it is no history"),
        ("req_total one 60", "'one' is no number"),
        ("req_total 1 noon", "'noon' is no number"),
        ("req_total 1 inf", "'inf' is no moment; write unix seconds, before the year 2100"),
        ("req_total 1 1e300", "'1e300' is no moment"),
        ("req_total 1 1767614400000", "'1767614400000' is no moment"),
        ("{} 1 60", "is no sample"),
        ('req_total{a="b" 1 60', "is no sample"),
    ],
)
def test_a_line_that_is_no_sample_is_told(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(SpecError) as refused:
        read(tmp_path, f"req_total 1 30\n{line}\n")

    assert str(refused.value).startswith(f"{tmp_path}/history.txt:2: ")
    assert told in str(refused.value)


@given(line=st.text(max_size=80))
def test_no_text_makes_it_fail_otherwise(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "history.txt"
    path.write_bytes(f"req_total{line}".encode("utf-8", "surrogatepass"))

    with suppress(SpecError):
        read_openmetrics(path, {"req_total"}, Samples())
