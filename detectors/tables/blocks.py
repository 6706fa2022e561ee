"""A table of events, as whoever reads one sees it: some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from burnline.detectors.columns import Values
from burnline.errors import Problem, SpecError

BLOCK = 10_000  # rows held at once


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows that follow each other; every column has as many values."""

    rows: int
    columns: Mapping[str, Values]

    def part(self, start: int, stop: int) -> Block:
        """The rows from `start` on, before `stop`."""
        return Block(stop - start, {name: column[start:stop] for name, column in self.columns.items()})


class Table(Protocol):
    """Where rows come from.

    Attributes:
        name: for messages; of a file its path.
        columns: all there are, in order.
        typed: the source itself says which columns are numbers; text of a CSV file does not.
        repeatable: `blocks` may be asked for more than once.
    """

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def typed(self) -> bool: ...
    @property
    def repeatable(self) -> bool: ...

    def blocks(self, wanted: Collection[str], numbers: Collection[str]) -> Iterator[Block]:
        """All rows, of the `wanted` columns alone; in an untyped table `numbers` are the columns that hold numbers.

        Raises: SpecError naming the file, and the line where there is one.
        """
        ...


def pick(table: Table, wanted: Collection[str]) -> None:
    """Check that the columns are there.

    Raises: SpecError naming every one that is not, and what there is.
    """
    there = ", ".join(table.columns[:20]) + (", ..." if len(table.columns) > 20 else "")
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise SpecError([Problem(table.name, 0, name, f"no such column; there is {there}") for name in missing])


def find_numbers(table: Table, said: Callable[[int], None]) -> frozenset[str]:
    """The columns of an untyped table whose non-empty cells are all numbers; it is read whole.

    Raises: SpecError where it could not be read again afterwards.
    """
    if table.typed:
        return frozenset()
    if not table.repeatable:
        message = "can be read only once, and a profile reads CSV twice; write it to a file first"
        raise SpecError([Problem(table.name, 0, "", message)])
    open_ones, rows = set(table.columns), 0
    for block in table.blocks(open_ones, open_ones):
        open_ones -= {name for name, column in block.columns.items() if isinstance(column, list)}
        rows += block.rows
        said(rows)
    return frozenset(open_ones)
