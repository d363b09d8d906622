"""What a Runtime may do with patterns, and whether it sends failed calls again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0003"
down_revision = "r0002"


def upgrade() -> None:
    """Add the columns."""
    policy = sa.Column("policy", sa.Text, nullable=False, server_default="")
    heals = sa.Column("heals", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("arc_runtime", policy)
    op.add_column("arc_runtime", heals)
