"""Run by Alembic: migrate over the connection, and in the transaction, of the caller."""

from alembic import context

from arc_core.registry.migrations import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
