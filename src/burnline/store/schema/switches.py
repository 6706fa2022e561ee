"""Switches, secrets, drills."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Table, Text

from burnline.store.schema.columns import Id, Utc, metadata

# Keys that this database's processes share and no file holds.
secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Global switches a person sets, such as the kill switch ("actions" = "off").
switch = Table(
    "switch",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)

# Every turn of a switch; each row's hash covers the one before it. Never deleted.
switch_change = Table(
    "switch_change",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("before", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    sqlite_autoincrement=True,
)

# A drill that is over: nothing of one under way is kept. `checks`: name, ok, text.
# `runbooks`: those that ran, with their digests. `run_id`: of a live one.
drill = Table(
    "drill",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("detect_seconds", Float),
    Column("respond_seconds", Float),
    Column("recover_seconds", Float),
    Column("checks", JSON, nullable=False),
    Column("spec_digest", Text, nullable=False),
    Column("runbooks", JSON, nullable=False),
    Column("run_id", Id),  # no key of `run`, which is forgotten sooner
    Index(None, "service", "scenario", "id"),
    Index(None, "run_id"),
)
