"""Traces that alerts are linked to, and how far OTLP metrics were counted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "notable_trace",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("span_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("duration", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("service", "slot", "kind", "place", name=op.f("pk_notable_trace")),
    )
    op.create_index(op.f("ix_notable_trace_slot"), "notable_trace", ["slot"], unique=False)
    op.create_table(
        "otlp_stream",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "stream", name=op.f("pk_otlp_stream")),
    )
    op.create_index(op.f("ix_otlp_stream_seen"), "otlp_stream", ["seen"], unique=False)
    op.create_table(
        "otlp_gauge",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "name", "labels", name=op.f("pk_otlp_gauge")),
    )
    op.create_index(op.f("ix_otlp_gauge_at"), "otlp_gauge", ["at"], unique=False)
