"""Runs of runbooks, what they hold, and who must agree."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, false

from burnline.store.schema.columns import Id, Utc, metadata

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("episode_id", ForeignKey("episode.id"), nullable=False),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("service", Text, nullable=False),
    Column("runbook", Text, nullable=False),
    Column("digest", Text, nullable=False),  # of `body`: the run keeps the runbook it was started with
    Column("body", Text, nullable=False),
    Column("params", JSON, nullable=False),
    Column("approval", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("owner", Text),
    Column("lease_until", Utc),
    Column("epoch", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_step", Integer, nullable=False, server_default="0"),
    Column("wake_at", Utc),
    Column("created_at", Utc, nullable=False),
    Column("started_at", Utc),
    Column("finished_at", Utc),
    Column("approvers", JSON, nullable=False, server_default="{}"),
    Column("drill", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("episode_id", "runbook"),
    Index(None, "state", "wake_at"),
    Index(None, "incident_id"),
)

step = Table(
    "step",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("result", JSON),
    Column("started_at", Utc, nullable=False),
    Column("ended_at", Utc),
    UniqueConstraint("run_id", "n", "attempt"),
)

target_lock = Table(
    "target_lock",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("taken_at", Utc, nullable=False),
)

# One row per mutating step that was let through: cooldowns and blast-radius budgets count these.
budget_event = Table(
    "budget_event",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("at", Utc, nullable=False),
    UniqueConstraint("kind", "scope", "run_id"),
    Index(None, "kind", "scope", "at"),
)

# state: pending | approved | rejected | expired. kind: plan (may this be done?) | doubt (did it take effect?).
# `told`: how many levels of people were told.
approval = Table(
    "approval",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("required", Integer, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("plan_hash", Text, nullable=False),
    Column("requested_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("decided_at", Utc),
    Column("kind", Text, nullable=False, server_default="plan"),
    Column("told", Integer, nullable=False, server_default="0"),
    UniqueConstraint("run_id", "n"),
)

approval_vote = Table(
    "approval_vote",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("approval_id", ForeignKey("approval.id"), nullable=False),
    Column("actor", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Utc, nullable=False),
    UniqueConstraint("approval_id", "actor"),
)

# Links with which a person answers without logging in; each works once.
approval_link = Table(
    "approval_link",
    metadata,
    Column("nonce", Text, primary_key=True),
    Column("approval_id", ForeignKey("approval.id"), nullable=False),
    Column("actor", Text, nullable=False),  # empty: whoever holds it gives a name
    Column("used_at", Utc),
    Index(None, "approval_id"),
)
