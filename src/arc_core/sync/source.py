"""What pattern sync asks of the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Entry(Protocol):
    """One pattern of a set."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def revision(self) -> int: ...  # noqa: D102
    @property
    def document(self) -> Mapping[str, Any]: ...  # noqa: D102


class PublishedSet(Protocol):
    """The patterns that the Runtimes of one project shall have, those that go first at the end."""

    @property
    def epoch(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def entries(self) -> Sequence[Entry]: ...  # noqa: D102


class Key(Protocol):
    """An API key that is in force."""

    @property
    def project(self) -> str: ...  # noqa: D102


class Verdict(NamedTuple):
    """What became of one pattern in one Runtime, unless it is simply in force."""

    revision: int
    digest: str
    state: str
    """`refused` or `overridden`."""
    reason: str


class Registry(Protocol):
    """Keys, sets and what is known of Runtimes; called from several threads at once."""

    def authenticate(self, secret: str) -> Key | None:
        """Return the key of a secret; None when it is unknown or revoked."""

    def pattern_set(self, project: str) -> PublishedSet:
        """Return what is in force in a project now."""

    def subscribe(self, callback: Callable[[str, int], None]) -> Callable[[], None]:
        """Have each change told as project and version, from any thread; returns how to end it."""

    def runtime_seen(
        self,
        project: str,
        runtime_id: str,
        *,
        service: str,
        host: str,
        pid: int,
        runtime_version: str,
        python: str,
        sdks: Mapping[str, str],
        connected: bool,
        set_version: int,
        set_digest: str,
        verdicts: Mapping[str, Verdict],
    ) -> None:
        """Keep what a Runtime is and has; a set that it does not have is version 0."""
