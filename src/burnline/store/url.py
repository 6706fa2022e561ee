"""The database's URL: read, and shown without its password."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from burnline.errors import StoreError
from burnline.spec.words import without_login

SECRETS = ("password", "sslpassword")  # libpq's names, in the query


def parse_url(url: str) -> URL:
    """Raises: StoreError for what is no URL of a database that keeps anything; no password is repeated."""
    try:
        target = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: of a port
        message = f"{without_login(url)!r} is no database URL; sqlite:////var/lib/burnline/burnline.db would be"
        raise StoreError(message, retryable=False) from error
    if target.host and "@" in target.host:
        raise StoreError(f"{without_login(url)!r}: write an @ of a user or password as %40", retryable=False)
    if target.drivername == "postgresql":
        return target.set(drivername="postgresql+psycopg")
    if target.get_backend_name() == "sqlite" and target.database in (None, "", ":memory:"):
        raise StoreError(f"{named(target)}: what must survive a restart needs a file", retryable=False)
    return target


def named(url: URL) -> str:
    """The URL as a message may show it."""
    return str(url.update_query_dict({name: "hidden" for name in SECRETS if name in url.query}))
