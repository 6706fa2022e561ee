"""Releases: the registry's records and the looks of their guards."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass
