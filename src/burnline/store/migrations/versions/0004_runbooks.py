"""Runbooks: drills, approvals of several, signed links."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("run", sa.Column("approvers", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("run", sa.Column("drill", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("approval", sa.Column("kind", sa.Text(), server_default="plan", nullable=False))
    op.add_column("approval", sa.Column("told", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "approval_link",
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("approval_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["approval_id"], ["approval.id"], name=op.f("fk_approval_link_approval_id")),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_approval_link")),
    )
    op.create_index(op.f("ix_approval_link_approval_id"), "approval_link", ["approval_id"])
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
