"""Alembic's entry: runs inside the connection that `store.database` hands over."""

from alembic import context

from burnline.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
