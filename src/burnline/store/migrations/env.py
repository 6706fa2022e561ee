"""Alembic's entry: runs inside the connection that `store.migrate` hands over."""

from typing import Any, Literal

from alembic import context

from burnline.store.schema import Utc, metadata


def render(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """Write our own type as what it is in the database: a migration must not change when our code does."""
    return "sa.BigInteger()" if kind == "type" and isinstance(thing, Utc) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=render,
)
context.run_migrations()
