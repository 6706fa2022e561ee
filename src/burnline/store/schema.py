"""Every table. Migrations in `migrations/` must lead to exactly this (tested)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Utc(TypeDecorator[datetime]):
    """An aware UTC datetime kept as whole microseconds since 1970: exact, sortable, the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + int(value) * MICROSECOND


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# SQLite gives rowids only to INTEGER PRIMARY KEY, PostgreSQL needs 64 bits.
Id = BigInteger().with_variant(Integer, "sqlite")

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

# A detector's open window: additive state, written in the transaction that consumes the events.
signal_state = Table(
    "signal_state",
    metadata,
    Column("service", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("window_start", Utc, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

finding = Table(
    "finding",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("service", Text, nullable=False),
    Column("signal", Text, nullable=False),
    Column("window_start", Utc, nullable=False),
    Column("window_end", Utc, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("score", Float),
    Column("bad", Float, nullable=False),
    Column("total", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("contributors", JSON, nullable=False),
    UniqueConstraint("service", "signal", "window_start"),
    sqlite_autoincrement=True,
)

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

# Keys that this database's processes share and no file holds.
secret = Table(
    "secret",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
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

# A series that others post piece by piece: its newest value, and when it last moved. `labels`: sorted JSON.
series = Table(
    "series",
    metadata,
    Column("service", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("value", Float, nullable=False),
    Column("at", Utc, nullable=False),
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

# Traces worth a look: of each service and slot of time, one of each kind of error and the slowest of each bucket.
notable_trace = Table(
    "notable_trace",
    metadata,
    Column("service", Text, primary_key=True),
    Column("slot", Utc, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("duration", Float, nullable=False),
    Index(None, "slot"),
)

# How far each stream of OTLP metrics was counted. `stream`: the hash of who sends it, its name, its labels and its
# start; without a name: of who sends it alone. `at`: nanoseconds since 1970, as the sender says.
otlp_stream = Table(
    "otlp_stream",
    metadata,
    Column("service", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("body", JSON, nullable=False),
    Column("seen", Utc, nullable=False),
    Index(None, "seen"),
)

# Gauges of OTLP metrics, each as it was last sent.
otlp_gauge = Table(
    "otlp_gauge",
    metadata,
    Column("service", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("labels", Text, primary_key=True),
    Column("value", Float, nullable=False),
    Column("at", Utc, nullable=False),
    Index(None, "at"),
)

# A job that feeds a service, and what its newest runs told. `rows`: counts of runs that finished, oldest first.
job = Table(
    "job",
    metadata,
    Column("service", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("seen_at", Utc, nullable=False),  # first
    Column("ended_at", Utc),
    Column("succeeded_at", Utc),
    Column("data_as_of", Utc),
    Column("rows", JSON, nullable=False),
    Column("last", JSON, nullable=False),
)

# One run of a job. state: open | finished | failed | aborted | lost. `until`: given up after that.
job_run = Table(
    "job_run",
    metadata,
    Column("service", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("started_at", Utc),
    Column("until", Utc),
    Column("ended_at", Utc),
    Column("facts", JSON, nullable=False),
    Index(None, "state", "until"),
    Index(None, "at"),
)

# Who asked how much of a service in an hour: a sketch of bounded size, without a name.
asking = Table(
    "asking",
    metadata,
    Column("service", Text, primary_key=True),
    Column("hour", Utc, primary_key=True),
    Column("sketch", JSON, nullable=False),
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

# Events that came with an id, as long as the service file says: an id is taken once, and labels are joined by it.
# `key`: the id, hashed. `prediction`: JSON. `labelled`: a label was joined.
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
