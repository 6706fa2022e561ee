"""Runbooks: drills, approvals of several, signed links."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pass
