"""What detectors counted, by stretches of time: from it a signal is judged anew over any window."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from burnline.store.schema.columns import Utc, metadata

# Counts of the `step_seconds` that begin with `start`; 0 seconds: of all time. `of`: what they were counted against.
sketch_tile = Table(
    "sketch_tile",
    metadata,
    Column("service", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("step_seconds", BigInteger, primary_key=True, autoincrement=False),
    Column("start", Utc, primary_key=True),
    Column("of", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
