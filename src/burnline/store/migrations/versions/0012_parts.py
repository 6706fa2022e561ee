"""Signals of parts of a service: versions and slices; and what a detector remembers."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
AUTOINCREMENT = {"sqlite_autoincrement": True}


def upgrade() -> None:
    with op.batch_alter_table("signal_state") as table:
        table.add_column(sa.Column("part", sa.Text(), server_default="", nullable=False))
        table.drop_constraint("pk_signal_state", type_="primary")
        table.create_primary_key("pk_signal_state", ["service", "signal", "part", "window_start"])
    with op.batch_alter_table("finding", table_kwargs=AUTOINCREMENT) as table:
        table.add_column(sa.Column("part", sa.Text(), server_default="", nullable=False))
        table.drop_constraint("uq_finding_service_signal_window_start", type_="unique")
        table.create_unique_constraint(
            "uq_finding_service_signal_part_window_start", ["service", "signal", "part", "window_start"]
        )
    parts = sa.text("part != ''")
    op.create_index("ix_finding_of_parts", "finding", ["window_end"], sqlite_where=parts, postgresql_where=parts)
    op.create_table(
        "signal_memory",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("signal", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("service", "signal", "part", name=op.f("pk_signal_memory")),
    )
    op.add_column("kept_event", sa.Column("slices", sa.Text(), server_default="{}", nullable=False))
