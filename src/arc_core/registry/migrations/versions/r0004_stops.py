"""Whether all patterns of a project are stopped, and by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r0004"
down_revision = "r0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("arc_project", sa.Column("stopped_at", sa.DateTime(timezone=True)))
    op.add_column("arc_project", sa.Column("stopped_by", sa.Text))
    op.add_column("arc_project", sa.Column("stop_reason", sa.Text))
