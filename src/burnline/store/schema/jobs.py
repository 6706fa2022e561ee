"""Jobs that feed a service."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Table, Text

from burnline.store.schema.columns import Utc, metadata

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
