"""Drills: what was rehearsed, and how long it took."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    pass
