"""What came in and waits: bodies, keys of senders, the paths that alerts come by."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from burnline.store.schema.columns import Id, Utc, metadata

# What was accepted from outside, before any work is done on it. state: new | done | dead.
inbox = Table(
    "inbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("content_type", Text, nullable=False, server_default=""),
    Column("received_at", Utc, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False, server_default="new"),
    Column("error", Text, nullable=False, server_default=""),
    Index(None, "kind", "state", "id"),
    sqlite_autoincrement=True,
)

# What a door took under a key of the sender: it is taken once.
accepted_key = Table(
    "accepted_key",
    metadata,
    Column("door", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", Utc, nullable=False),
    Index(None, "at"),
)

# Watchdog alerts: when the alert path of each source was last seen working.
heartbeat = Table(
    "heartbeat",
    metadata,
    Column("source", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    Column("seen_at", Utc, nullable=False),
)

# Alertmanagers and Prometheus: when what each says fires was last compared with what was received.
reconciled = Table(
    "reconciled",
    metadata,
    Column("place", Text, primary_key=True),
    Column("at", Utc, nullable=False),
)
