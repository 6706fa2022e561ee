"""What others post piece by piece."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Table, Text

from burnline.store.schema.columns import Utc, metadata

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

# Who asked how much of a service in an hour: a sketch of bounded size, without a name.
asking = Table(
    "asking",
    metadata,
    Column("service", Text, primary_key=True),
    Column("hour", Utc, primary_key=True),
    Column("sketch", JSON, nullable=False),
)
