"""Versions that serve, and releases under way."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from burnline.store.schema.columns import Id, Utc, metadata

# A change of the version that serves, as it was seen.
release = Table(
    "release",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("previous", Text, nullable=False, server_default=""),
    Column("seen_at", Utc, nullable=False),
    Column("source", Text, nullable=False),
    Index(None, "service", "seen_at"),
)

# A release that somebody started, from its first step to its end; `finished_at` is empty while it is under way.
# `plan`: the `release` part of the service file as it was then, its SHA-256 in `digest`. `incident_id`: where its
# record is chained. `looked_at`: until when its events were read. `epoch` grows with every change.
rollout = Table(
    "rollout",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("service", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("started_by", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("lineage", JSON, nullable=False),
    Column("missing", JSON, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("history", JSON, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("run_id", ForeignKey("run.id")),
    Column("started_at", Utc, nullable=False),
    Column("step_since", Utc, nullable=False),
    Column("looked_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Index(
        "uq_rollout_open",
        "service",
        unique=True,
        sqlite_where=text("finished_at IS NULL"),
        postgresql_where=text("finished_at IS NULL"),
    ),
    Index(None, "service", "id"),
    Index(None, "incident_id"),
)

# What one guard of a release read, and made of it, at one look. `block`: the events since the look before.
rollout_look = Table(
    "rollout_look",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("rollout_id", ForeignKey("rollout.id"), nullable=False),
    Column("guard", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("block", JSON, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", JSON, nullable=False),
    UniqueConstraint("rollout_id", "guard", "at"),
)
