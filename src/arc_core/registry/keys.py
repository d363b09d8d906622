"""API keys: each belongs to one project and sees nothing of another."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from arc_core.registry import inputs, tables
from arc_core.registry.access import Access
from arc_core.registry.database import Database
from arc_core.registry.edit import Edit
from arc_core.registry.errors import RegistryUnavailableError

_SECRET = re.compile(r"arc_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
KNOWN_FOR = timedelta(seconds=2)
"""So long a key that another process has revoked may still be taken."""
USE_NOTED_EVERY = timedelta(minutes=1)
"""`Key.last_used_at` is exact to this."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret."""

    id: str
    project: str
    name: str
    """What people call it."""
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    """None if it was never used; behind by up to a minute."""


class Keys:
    """Keys as the database has them, and for a moment in memory; thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Key, datetime]] = {}
        """Valid keys by the hash of their secret, with the time they were read."""

    def create(self, project: str, name: str) -> tuple[Key, str]:
        """Make a key; the secret that is returned with it is not kept."""
        inputs.project_name(project)
        inputs.name(name, "The key's name")
        made = Key(secrets.token_hex(6), project, name, self._clock(), None, None)
        secret = f"arc_{made.id}_{secrets.token_urlsafe(32)}"
        with self._database.transaction(Access.WRITE) as connection:
            Edit(connection, project, made.created_at)  # the project is there from now on
            connection.execute(
                insert(tables.key).values(
                    id=made.id,
                    project=project,
                    name=name,
                    secret_sha256=_sha256(secret),
                    created_at=made.created_at,
                )
            )
        return made, secret

    def select(self, project: str | None) -> list[Key]:
        """Return the keys of a project, or all, the oldest first."""
        query = select(tables.key).order_by(tables.key.c.created_at, tables.key.c.id)
        if project is not None:
            query = query.where(tables.key.c.project == project)
        with self._database.transaction(Access.READ) as connection:
            return [_key(row) for row in connection.execute(query)]

    def revoke(self, key_id: str) -> bool:
        """End a key for good; False if there is no such key that is still valid."""
        valid = (tables.key.c.id == key_id) & tables.key.c.revoked_at.is_(None)
        with self._database.transaction(Access.WRITE) as connection:
            done = connection.execute(
                update(tables.key).where(valid).values(revoked_at=self._clock())
            )
        with self._lock:
            self._known = {}  # a new one: who is reading now keeps what it finds in the old one
        return done.rowcount == 1

    def authenticate(self, secret: str) -> Key | None:
        """Return the valid key of a secret, or None."""
        shape = _SECRET.fullmatch(secret)
        if shape is None:
            return None
        digest, now = _sha256(secret), self._clock()
        with self._lock:
            memory = self._known
        known = self._fresh(memory, digest, now)
        if known is not None:
            return known
        key = self._read(shape[1], digest)
        with self._lock:
            if key is None:
                memory.pop(digest, None)
            else:
                memory[digest] = (key, now)
        if key is not None and (
            key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY
        ):
            self._note_use(key, now)
        return key

    def remembered(self, secret: str) -> Key | None:
        """Return the key of a secret that was found valid a moment ago; asks no database."""
        return self._fresh(self._known, _sha256(secret), self._clock())

    def _fresh(
        self, memory: dict[str, tuple[Key, datetime]], digest: str, now: datetime
    ) -> Key | None:
        with self._lock:
            known = memory.get(digest)
        if known is not None and timedelta(0) <= now - known[1] < KNOWN_FOR:
            return known[0]
        return None

    def _read(self, key_id: str, digest: str) -> Key | None:
        query = select(tables.key).where(tables.key.c.id == key_id)
        with self._database.transaction(Access.READ) as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.revoked_at is not None:
            return None
        return _key(row) if hmac.compare_digest(row.secret_sha256, digest) else None

    def _note_use(self, key: Key, now: datetime) -> None:
        used = update(tables.key).where(tables.key.c.id == key.id).values(last_used_at=now)
        # a disk that is full does not make the key a wrong one; the next look-up notes it again
        unwritable = contextlib.suppress(RegistryUnavailableError)
        with unwritable, self._database.transaction(Access.REPORT) as connection:
            connection.execute(used)


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        project=row.project,
        name=row.name,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _sha256(secret: str) -> str:
    # a random secret of 256 bits cannot be guessed, so that no slow hash is needed
    return hashlib.sha256(secret.encode()).hexdigest()
