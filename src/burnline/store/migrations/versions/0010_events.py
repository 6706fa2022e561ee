"""Prediction events by id."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    pass
