"""Shares of patterns on trial, and how their trials stand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0002"
down_revision = "r0001"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("arc_pattern", sa.Column("allocation", sa.Text))
    op.create_table(
        "arc_rollout",
        sa.Column("pattern_id", _ID, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("progress", sa.Text, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pattern_id", "revision", name="arc_rollout_pkey"),
        sa.ForeignKeyConstraint(
            ["pattern_id", "revision"],
            ["arc_pattern_revision.pattern_id", "arc_pattern_revision.revision"],
            name="arc_rollout_pattern_id_fkey",
        ),
    )
