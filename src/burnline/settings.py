"""Process settings, from the environment (BURNLINE_*); what a service promises is in its service file instead."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

_SECRETS = Path("/run/secrets")  # where containers find them: a file burnline_token is as good as BURNLINE_TOKEN


class Settings(BaseSettings):
    """Settings of one burnline process.

    Attributes:
        database: SQLAlchemy URL.
        services: a folder of service files, or one file.
        runbooks: a folder of the team's own runbooks, beside those that ship with burnline.
        prometheus_url: set when Prometheus evaluates the compiled rules; empty means the embedded engine.
        token: when set, every POST needs `Authorization: Bearer ...`; needed to listen beyond this host.
        allowed_hosts: names under which the page may be asked for (a guard against DNS rebinding).
        otlp_endpoint: where burnline's own traces and logs go; empty means nowhere.
    """

    model_config = SettingsConfigDict(
        env_prefix="BURNLINE_", frozen=True, extra="ignore", secrets_dir=_SECRETS if _SECRETS.is_dir() else None
    )

    database: str = "sqlite:///burnline.db"
    services: Path = Path("services")
    runbooks: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8600
    prometheus_url: str = ""
    token: str = ""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    otlp_endpoint: str = ""
    lease_seconds: float = 30.0
