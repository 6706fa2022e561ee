"""Incidents, their record, and who is told what."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from burnline.store.schema.columns import Id, Utc, metadata

# Everything that goes wrong with one service at one time. state: open | closed. `severity`: of the alert in the title.
incident = Table(
    "incident",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("closed_at", Utc),
    Column("severity", Text, nullable=False, server_default=""),
    Index(
        "uq_incident_open",
        "service",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

# One alert from its first firing to its end, whatever it was sent as. state: open | closed.
episode = Table(
    "episode",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("first_starts_at", Utc, nullable=False),
    Column("last_starts_at", Utc, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("deliveries", Integer, nullable=False, server_default="1"),
    Index(
        "uq_episode_open",
        "source",
        "fingerprint",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(None, "source", "fingerprint", "ended_at"),
    Index(None, "incident_id"),
)

# What happened, in order; each row's hash covers the one before it in the same incident.
timeline = Table(
    "timeline",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("source", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index(None, "incident_id", "id"),
    sqlite_autoincrement=True,
)

# Alerts that people are kept from, between two moments, by whom and why. `matchers`: as in Alertmanager's API.
silence = Table(
    "silence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("matchers", JSON, nullable=False),
    Column("starts_at", Utc, nullable=False),
    Column("ends_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Index(None, "ends_at"),
)

# Alerts that a set of people (`audience`) hears of together: which, what each was told, when to look again.
alert_group = Table(
    "alert_group",
    metadata,
    Column("audience", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
