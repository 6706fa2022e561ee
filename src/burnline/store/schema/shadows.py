"""Answers of shadows: versions that answer beside those that serve."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, LargeBinary, Table, Text

from burnline.store.schema.columns import Utc, metadata

# As long as the events of their ids: an id is taken once of each shadow. `prediction`: JSON.
shadow_event = Table(
    "shadow_event",
    metadata,
    Column("service", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("kept_at", Utc, nullable=False),
    Column("prediction", Text, nullable=False),
    Column("confidence", Float),
    Index(None, "service", "kept_at"),
)
