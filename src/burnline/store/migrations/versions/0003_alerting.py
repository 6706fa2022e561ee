"""Alerting: silences, groups that were told, what senders were seen to fire."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    pass
