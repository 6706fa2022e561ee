"""Series that others post."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("service", "name", "labels", name=op.f("pk_series")),
    )
    op.create_table(
        "accepted_key",
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("door", "key", name=op.f("pk_accepted_key")),
    )
    op.create_index(op.f("ix_accepted_key_at"), "accepted_key", ["at"], unique=False)
