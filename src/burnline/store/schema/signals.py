"""Prediction events, their labels, and what detectors found."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, LargeBinary, Table, Text, UniqueConstraint, text

from burnline.store.schema.columns import Id, Utc, metadata

# A detector's open window: additive state, written in the transaction that consumes the events.
# `part`: empty for all events; a version or a value of a slice, as in `version=7`.
signal_state = Table(
    "signal_state",
    metadata,
    Column("service", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("part", Text, primary_key=True, server_default=""),
    Column("window_start", Utc, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# What a detector's last judgement left for its next one.
signal_memory = Table(
    "signal_memory",
    metadata,
    Column("service", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

finding = Table(
    "finding",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("signal", Text, nullable=False),
    Column("part", Text, nullable=False, server_default=""),
    Column("window_start", Utc, nullable=False),
    Column("window_end", Utc, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("score", Float),
    Column("bad", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("contributors", JSON, nullable=False),
    UniqueConstraint("service", "signal", "part", "window_start"),
    Index("ix_finding_of_parts", "window_end", sqlite_where=text("part != ''"), postgresql_where=text("part != ''")),
    sqlite_autoincrement=True,
)

# What a library drew of a window in alarm: HTML, packed by zlib.
finding_page = Table(
    "finding_page",
    metadata,
    Column("service", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("window_start", Utc, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

# Events that came with an id, as long as the service file says: an id is taken once, and labels are joined by it.
# `key`: the id, hashed. `prediction`: JSON. `slices`: JSON, the values by which signals are told apart.
# `labelled`: a label was joined.
kept_event = Table(
    "kept_event",
    metadata,
    Column("service", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("kept_at", Utc, nullable=False),
    Column("at", Utc, nullable=False),
    Column("version", Text, nullable=False),
    Column("prediction", Text, nullable=False),
    Column("confidence", Float),
    Column("slices", Text, nullable=False, server_default="{}"),
    Column("labelled", Boolean, nullable=False),
    Index(None, "service", "kept_at"),
)

# Labels whose event has not come yet. `label`: JSON. `at`: when what it says became known.
waiting_label = Table(
    "waiting_label",
    metadata,
    Column("service", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("kept_at", Utc, nullable=False),
    Column("at", Utc, nullable=False),
    Column("label", Text, nullable=False),
    Index(None, "service", "kept_at"),
)

# Events and their labels, joined, in the order in which they were: a reader keeps the last id it saw.
labelled_event = Table(
    "labelled_event",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("labelled_at", Utc, nullable=False),
    Column("joined_at", Utc, nullable=False),
    Column("prediction", Text, nullable=False),
    Column("confidence", Float),
    Column("label", Text, nullable=False),
    Index(None, "service", "id"),
    sqlite_autoincrement=True,
)
