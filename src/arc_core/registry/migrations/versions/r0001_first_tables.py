"""The first tables."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and the row that names this registry."""
    registry = op.create_table(
        "arc_registry",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="arc_registry_pkey"),
    )
    op.bulk_insert(registry, [{"id": 1, "epoch": secrets.token_hex(8), "revision": 0}])
    op.create_table(
        "arc_project",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("set_version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="arc_project_pkey"),
    )
    _patterns()
    op.create_table(
        "arc_change",
        sa.Column("revision", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("set_version", sa.BigInteger, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="arc_change_pkey"),
        sa.ForeignKeyConstraint(["project"], ["arc_project.name"], name="arc_change_project_fkey"),
        sa.UniqueConstraint("project", "set_version", name="arc_change_project_set_version_key"),
    )
    op.create_table(
        "arc_key",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME),
        sa.Column("last_used_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="arc_key_pkey"),
        sa.ForeignKeyConstraint(["project"], ["arc_project.name"], name="arc_key_project_fkey"),
    )
    op.create_table(
        "arc_runtime",
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("runtime_id", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("runtime_version", sa.Text, nullable=False),
        sa.Column("python", sa.Text, nullable=False),
        sa.Column("sdks", sa.Text, nullable=False),
        sa.Column("connected", sa.Boolean, nullable=False),
        sa.Column("set_version", sa.BigInteger, nullable=False),
        sa.Column("set_digest", sa.Text, nullable=False),
        sa.Column("verdicts", sa.Text, nullable=False),
        sa.Column("first_seen", _TIME, nullable=False),
        sa.Column("last_seen", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("project", "runtime_id", name="arc_runtime_pkey"),
    )
    op.create_index("arc_runtime_last_seen_idx", "arc_runtime", ["last_seen"])


def _patterns() -> None:
    op.create_table(
        "arc_pattern",
        sa.Column("id", _ID, nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="arc_pattern_pkey"),
        sa.ForeignKeyConstraint(["project"], ["arc_project.name"], name="arc_pattern_project_fkey"),
        sa.UniqueConstraint("project", "name", name="arc_pattern_project_name_key"),
    )
    op.create_table(
        "arc_pattern_revision",
        sa.Column("pattern_id", _ID, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("restores", sa.Integer),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("pattern_id", "revision", name="arc_pattern_revision_pkey"),
        sa.ForeignKeyConstraint(
            ["pattern_id"], ["arc_pattern.id"], name="arc_pattern_revision_pattern_id_fkey"
        ),
    )
    op.create_table(
        "arc_pattern_event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("pattern_id", _ID, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("from_state", sa.String(20)),
        sa.Column("to_state", sa.String(20), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("set_version", sa.BigInteger),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="arc_pattern_event_pkey"),
        sa.ForeignKeyConstraint(
            ["pattern_id", "revision"],
            ["arc_pattern_revision.pattern_id", "arc_pattern_revision.revision"],
            name="arc_pattern_event_pattern_id_fkey",
        ),
    )
    op.create_index(
        "arc_pattern_event_pattern_id_id_idx", "arc_pattern_event", ["pattern_id", "id"]
    )
