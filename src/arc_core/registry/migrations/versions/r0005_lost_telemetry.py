"""How much telemetry Runtimes could not deliver."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"


def upgrade() -> None:
    """Add the column."""
    dropped = sa.Column("dropped", sa.Text, nullable=False, server_default="{}")
    op.add_column("arc_runtime", dropped)
