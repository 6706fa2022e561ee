"""The embedded engine: events, memory, alerts."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Table, Text

from burnline.store.schema.columns import Utc, metadata

# The embedded engine's events per tile; `step_seconds` names the tier. `seen`: how much of the tile was observed.
slo_tile = Table(
    "slo_tile",
    metadata,
    Column("slo", Text, primary_key=True),
    Column("step_seconds", Float, primary_key=True),
    Column("at", Utc, primary_key=True),
    Column("bad", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("seen", Float, nullable=False),
    sqlite_with_rowid=False,
)

# Last counter values per scraped target, so that a short restart loses no increments. `position`: findings read.
slo_memory = Table(
    "slo_memory",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("body", JSON, nullable=False),
)

# Alerts of the embedded engine: what is firing (or not yet: pending) since when, when that was last delivered, and
# under which labels: a spec edited meanwhile must not change the identity of what is resolved.
alert = Table(
    "alert",
    metadata,
    Column("service", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("tier", Text, primary_key=True),
    Column("firing", Boolean, nullable=False),
    Column("since", Utc, nullable=False),
    Column("sent_at", Utc, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False, server_default="{}"),
)
