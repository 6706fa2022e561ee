"""Samples for training-serving skew."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "kept_sample",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("served", sa.LargeBinary(), nullable=True),
        sa.Column("trained", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("service", "key", name=op.f("pk_kept_sample")),
    )
    op.create_index(op.f("ix_kept_sample_service_kept_at"), "kept_sample", ["service", "kept_at"], unique=False)
