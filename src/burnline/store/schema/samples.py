"""Samples for training-serving skew."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from burnline.store.schema.columns import Utc, metadata

# Sampled events that wait for their other side: `served` or `trained` holds features (MessagePack). Neither: joined,
# kept so that it is not counted again. `key`: the id, hashed, as in `kept_event`. `id`: empty while only trained.
kept_sample = Table(
    "kept_sample",
    metadata,
    Column("service", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("kept_at", Utc, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("served", LargeBinary),
    Column("trained", LargeBinary),
    Index(None, "service", "kept_at"),
)
