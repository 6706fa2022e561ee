"""Prediction events by id."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "kept_event",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("prediction", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("labelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("service", "key", name=op.f("pk_kept_event")),
    )
    op.create_index(op.f("ix_kept_event_service_kept_at"), "kept_event", ["service", "kept_at"], unique=False)
    op.create_table(
        "waiting_label",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("service", "key", name=op.f("pk_waiting_label")),
    )
    op.create_index(op.f("ix_waiting_label_service_kept_at"), "waiting_label", ["service", "kept_at"], unique=False)
    op.create_table(
        "labelled_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("labelled_at", sa.BigInteger(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("prediction", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_labelled_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_labelled_event_service_id"), "labelled_event", ["service", "id"], unique=False)
