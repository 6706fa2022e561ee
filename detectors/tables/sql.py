"""What a database answers to a query."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from burnline.detectors.columns import Values
from burnline.detectors.tables.blocks import BLOCK, Block
from burnline.errors import Problem, SpecError

# By the kind of database what makes a session unable to change anything: some keep `drop table` without a commit.
READ_ONLY = {
    "sqlite": "pragma query_only = on",
    "postgresql": "set transaction read only",
    "mysql": "set session transaction read only",
    "mariadb": "set session transaction read only",
}


class QueryTable:
    """The rows of one query, read as the database sends them; moments are seconds since 1970.

    It can only read, where burnline knows how to ask the database for that.
    """

    typed = True
    repeatable = False  # a second answer may be another one

    def __init__(self, query: str, url: str) -> None:
        self.name = "query"
        with self._told():
            engine = create_engine(url, poolclass=NullPool)
            self._connection = engine.connect()
            if only_read := READ_ONLY.get(engine.dialect.name):
                self._connection.execute(text(only_read))
            streamed = self._connection.execution_options(stream_results=True, yield_per=BLOCK)
            self._result = streamed.execute(text(query))
            self.columns = tuple(self._result.keys()) if self._result.returns_rows else ()
        if not self.columns or len(set(self.columns)) < len(self.columns):
            found = list(self.columns)
            raise SpecError([Problem(self.name, 0, "", f"needs to give distinct column names; found {found}")])

    def blocks(self, wanted: Collection[str], numbers: Collection[str]) -> Iterator[Block]:
        """The database says itself which columns hold `numbers`."""
        places = {name: at for at, name in enumerate(self.columns) if name in wanted}
        parts = self._result.partitions(BLOCK)
        while True:
            with self._told():
                rows = next(parts, None)
            if not rows:
                self._connection.close()
                return
            yield Block(len(rows), {name: _values([row[at] for row in rows]) for name, at in places.items()})

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            message = f"the database needs the Python package {error.name}; install it"
            raise SpecError([Problem(self.name, 0, "", message)]) from error
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise SpecError([Problem(self.name, 0, "", f"the database refuses: {cause}")]) from error


PLAIN = frozenset({float, int, str, bool, type(None)})


def _values(column: list[Any]) -> Values:
    if PLAIN.issuperset(map(type, column)):
        return column
    return [_plain(value) for value in column]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC).timestamp()
    return str(value) if isinstance(value, UUID) else value
