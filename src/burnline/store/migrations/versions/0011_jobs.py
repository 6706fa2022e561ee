"""Jobs that feed a service, their runs, and who asked a model how much."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_at", sa.BigInteger(), nullable=True),
        sa.Column("data_as_of", sa.BigInteger(), nullable=True),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("last", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("service", "job", name=op.f("pk_job")),
    )
    op.create_table(
        "job_run",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("service", "job", "run", name=op.f("pk_job_run")),
    )
    op.create_index(op.f("ix_job_run_state_until"), "job_run", ["state", "until"], unique=False)
    op.create_index(op.f("ix_job_run_at"), "job_run", ["at"], unique=False)
    op.create_table(
        "asking",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("sketch", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("service", "hour", name=op.f("pk_asking")),
    )
