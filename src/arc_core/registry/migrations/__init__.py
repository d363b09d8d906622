"""Alembic's migrations of the registry; `arc_core.registry.schema` runs them at open."""

HEAD = "r0005"
"""The newest migration; a database that is there needs no Alembic, which takes 0.2 s to import."""

VERSION_TABLE = "arc_schema"
"""Not Alembic's default, which another program in the same database may use."""
