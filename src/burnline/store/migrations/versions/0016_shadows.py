"""Answers of shadows, until the event of the same id comes."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "shadow_event",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("prediction", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("service", "key", "version", name=op.f("pk_shadow_event")),
    )
    op.create_index(op.f("ix_shadow_event_service_kept_at"), "shadow_event", ["service", "kept_at"], unique=False)
