"""Keep the severity of what an incident is named after."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("incident", sa.Column("severity", sa.Text(), server_default="", nullable=False))
