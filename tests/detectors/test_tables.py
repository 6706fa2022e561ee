"""Tables by how they are read: what is no regular file gives its rows once, and no row is longer than memory allows."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from burnline.detectors.profiling.build import Roles, profile_csv, profile_table
from burnline.detectors.tables.blocks import Table, find_numbers
from burnline.detectors.tables.csv import CsvTable
from burnline.detectors.tables.open import open_table
from burnline.errors import SpecError

ROWS = 3000
TEXT = "city,age\n" + "".join(f"Oslo {at},{at}\n" for at in range(ROWS))


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """A named pipe through which TEXT comes."""
    place = tmp_path / "pipe"
    os.mkfifo(place)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(place.write_text, TEXT)
        yield place


def read(table: Table) -> list[tuple[object, ...]]:
    blocks = table.blocks(table.columns, {"age"})
    return [row for block in blocks for row in zip(*block.columns.values(), strict=True)]


def test_a_pipe_gives_every_row_once(pipe: Path) -> None:
    table = open_table(str(pipe))

    rows = read(table)

    assert not table.repeatable
    assert table.columns == ["city", "age"]
    assert rows == [(f"Oslo {at}", float(at)) for at in range(ROWS)]


def test_a_descriptor_of_a_pipe_gives_every_row_once(tmp_path: Path) -> None:
    """What a shell makes of <(command)."""
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(Path(f"/dev/fd/{writing}").write_text, TEXT).add_done_callback(lambda _: os.close(writing))
        table = open_table(f"/dev/fd/{reading}")

        rows = read(table)

    os.close(reading)
    assert len(rows) == ROWS


def test_a_pipe_is_not_profiled_since_it_would_be_read_twice(pipe: Path) -> None:
    table = open_table(str(pipe))

    with pytest.raises(SpecError, match=r"pipe: can be read only once, and a profile reads CSV twice; write it to a"):
        profile_table(table, Roles(), name="t")

    assert len(read(table)) == ROWS


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("age" * 700, 1),
        ("age\n1\n" + "2" * 2000, 3),
        ("age\n1\n" + "," * 2000, 3),
        ('age\n1\n"' + "x\n" * 600, 502),  # a quote that nobody closed
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_row_longer_than_memory_allows_is_told_by_line_and_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, packed: bool
) -> None:
    monkeypatch.setattr("burnline.detectors.tables.csv.LONGEST_ROW", 1000)
    place = tmp_path / ("live.csv.gz" if packed else "live.csv")
    place.write_bytes(gzip.compress(text.encode()) if packed else text.encode())

    with pytest.raises(SpecError) as raised:
        read(open_table(str(place)))

    (problem,) = raised.value.problems
    assert problem.line == line
    assert problem.message == "cannot be read as CSV: a row of more than 1,000 characters"


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    place = tmp_path / "live.csv.gz"
    with gzip.open(place, "wb", 1) as file:
        file.write(b"age\n1\n")
        for _ in range(40):
            file.write(b"2" * 1_000_000)

    with pytest.raises(SpecError, match=r"live.csv.gz:3: cannot be read as CSV: a row of more than 16,777,216 char"):
        read(open_table(str(place)))


def test_long_rows_come_in_smaller_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burnline.detectors.tables.csv.LONGEST_ROW", 1000)
    place = tmp_path / "live.csv"
    place.write_text("text\n" + ("x" * 400 + "\n") * 20)

    blocks = [block.rows for block in open_table(str(place)).blocks({"text"}, set())]

    assert blocks == [3] * 6 + [2]


def test_text_that_is_no_utf8_is_told_with_the_last_line_known_to_be(tmp_path: Path) -> None:
    place = tmp_path / "live.csv"
    place.write_bytes(TEXT.encode() + b"Z\xfcrich,1\n")

    with pytest.raises(SpecError, match=r"what follows is not all UTF-8: byte 0xfc, invalid start byte") as raised:
        read(open_table(str(place)))

    (problem,) = raised.value.problems
    assert ROWS - 1000 < problem.line <= ROWS + 2


def test_a_packed_file_that_is_damaged_says_so(tmp_path: Path) -> None:
    place = tmp_path / "live.csv.gz"
    packed = bytearray(gzip.compress(TEXT.encode()))
    packed[200:220] = bytes(20)
    place.write_bytes(packed)

    with pytest.raises(SpecError, match=r"live.csv.gz.*: cannot be read as CSV"):
        read(open_table(str(place)))


def test_a_line_that_is_no_header_is_not_repeated_at_length(tmp_path: Path) -> None:
    place = tmp_path / "live.csv"
    place.write_text(",".join(["same" * 20] * 1000))

    with pytest.raises(SpecError, match="needs a header of distinct column names; found 'samesame") as raised:
        profile_csv(place)

    assert len(str(raised.value)) < 1000


def test_what_only_python_reads_as_a_number_is_text(tmp_path: Path) -> None:
    place = tmp_path / "live.csv"
    place.write_text("code,amount\n1_2,12\n3,\n")
    table = CsvTable(str(place))

    (block,) = table.blocks({"code", "amount"}, {"code", "amount"})

    assert block.columns["code"] == ["1_2", 3.0]
    assert find_numbers(table, lambda rows: None) == {"amount"}
