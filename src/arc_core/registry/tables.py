"""The tables of the registry; `migrations` makes them, a test compares both."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from arc_core.registry.columns import Id, Json, Time

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

registry = Table(
    "arc_registry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
"""One row. `revision` is that of the last change; who changes patterns locks the row."""

project = Table(
    "arc_project",
    metadata,
    Column("name", Text, primary_key=True),
    Column("set_version", BigInteger, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("stopped_at", Time),
    Column("stopped_by", Text),
    Column("stop_reason", Text),
)
"""`stopped_at` is null but while all patterns are stopped."""

pattern = Table(
    "arc_pattern",
    metadata,
    Column("id", Id, primary_key=True),
    Column("project", Text, ForeignKey("arc_project.name"), nullable=False),
    Column("name", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    Column("allocation", Json(none_as_null=True)),
    UniqueConstraint("project", "name"),
)
"""Patterns in the order of their first revision, which is that of precedence: later go first."""

revision = Table(
    "arc_pattern_revision",
    metadata,
    Column("pattern_id", Id, ForeignKey("arc_pattern.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("document", Json, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("author", Text, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("restores", Integer),
    Column("created_at", Time, nullable=False),
)
"""`restores` is the revision whose document this one brings back, never one that restores."""

event = Table(
    "arc_pattern_event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pattern_id", Id, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("from_state", String(20)),
    Column("to_state", String(20), nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("set_version", BigInteger),
    Column("at", Time, nullable=False),
    ForeignKeyConstraint(
        ["pattern_id", "revision"],
        ["arc_pattern_revision.pattern_id", "arc_pattern_revision.revision"],
    ),
    Index(None, "pattern_id", "id"),
)
"""Every step of every pattern; `set_version` is null where nothing changed for Runtimes."""

rollout = Table(
    "arc_rollout",
    metadata,
    Column("pattern_id", Id, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("progress", Json, nullable=False),
    Column("updated_at", Time, nullable=False),
    ForeignKeyConstraint(
        ["pattern_id", "revision"],
        ["arc_pattern_revision.pattern_id", "arc_pattern_revision.revision"],
    ),
)
"""How the trial of a revision stands; whoever runs it knows the form."""

change = Table(
    "arc_change",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("project", Text, ForeignKey("arc_project.name"), nullable=False),
    Column("set_version", BigInteger, nullable=False),
    Column("at", Time, nullable=False),
    UniqueConstraint("project", "set_version"),
)
"""Every change of what is in force; revisions are committed in their order."""

key = Table(
    "arc_key",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("project", Text, ForeignKey("arc_project.name"), nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("revoked_at", Time),
    Column("last_used_at", Time),
)

runtime = Table(
    "arc_runtime",
    metadata,
    Column("project", Text, primary_key=True),
    Column("runtime_id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("runtime_version", Text, nullable=False),
    Column("python", Text, nullable=False),
    Column("sdks", Json, nullable=False),
    Column("policy", Text, nullable=False),
    Column("heals", Boolean, nullable=False),
    Column("connected", Boolean, nullable=False),
    Column("set_version", BigInteger, nullable=False),
    Column("set_digest", Text, nullable=False),
    Column("verdicts", Json, nullable=False),
    Column("dropped", Json, nullable=False, server_default="{}"),
    Column("first_seen", Time, nullable=False),
    Column("last_seen", Time, nullable=False),
    Index(None, "last_seen"),
)
