"""The registry as the rest of Core sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from datetime import datetime, timezone
from typing import Any

from arc_core.registry.changes import Changes, Subscriber
from arc_core.registry.database import Database
from arc_core.registry.keys import Key, Keys
from arc_core.registry.lifecycle import State
from arc_core.registry.patterns import Patterns
from arc_core.registry.published import PublishedSet, PublishedSets
from arc_core.registry.records import Event, PatternRecord, Stop
from arc_core.registry.rollouts import Rollouts
from arc_core.registry.runtimes import RuntimeRecord, Runtimes, Verdict
from arc_protocol.patterns.allocation import Allocation


def _now() -> datetime:
    return datetime.now(timezone.utc)


class Registry:
    """Patterns with their history, keys and Runtimes, in SQLite or PostgreSQL.

    Thread-safe and synchronous; on an event loop, call it in a thread. What a method returns is
    durable. Every method raises `RegistryError`, with one sentence, where the database fails.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._changes = Changes(database)
        self._patterns = Patterns(database, clock, self._changes.committed)
        self._published = PublishedSets(database)
        self._rollouts = Rollouts(database, clock)
        self._keys = Keys(database, clock)
        self._runtimes = Runtimes(database, clock)

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = _now) -> Registry:
        """Open `sqlite:///path` or `postgresql://...`, making or migrating its tables.

        Raises `RegistryError` if that cannot be done; a database of a newer version of Arc, or
        one that is damaged, is left as it is.
        """
        return cls(Database(url), clock)

    @property
    def location(self) -> str:
        """Where the registry is, for people: a file, or an address without its password."""
        return self._database.location

    # keys

    def create_key(self, project: str, name: str) -> tuple[Key, str]:
        """Make an API key; return it with its secret, which cannot be had again."""
        return self._keys.create(project, name)

    def keys(self, project: str | None = None) -> list[Key]:
        """Return the keys of a project, or all, revoked ones included; the oldest first."""
        return self._keys.select(project)

    def revoke_key(self, key_id: str) -> bool:
        """End a key for good, here at once, in other processes within 2 s.

        False if no valid key has that id.
        """
        return self._keys.revoke(key_id)

    def authenticate(self, secret: str) -> Key | None:
        """Return the valid key that has this secret, or None."""
        return self._keys.authenticate(secret)

    def remembered_key(self, secret: str) -> Key | None:
        """Return what `authenticate` found within the last 2 s, without asking the database.

        None says nothing about the key. Does not block.
        """
        return self._keys.remembered(secret)

    # patterns

    def add_pattern(
        self,
        project: str,
        document: Mapping[str, Any],
        *,
        author: str,
        state: State = State.ACTIVE,
        reason: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> PatternRecord:
        """Add a pattern, or a new revision of the one of that name.

        The same content as that of the newest revision changes nothing, its state included.

        Raises `PatternError` for a document that is no pattern, `IllegalMoveError` if a revision
        cannot begin in that state.
        """
        return self._patterns.add(
            project, document, author=author, state=state, reason=reason, evidence=evidence
        )

    def import_patterns(
        self, project: str, documents: Iterable[Mapping[str, Any]], *, author: str
    ) -> list[PatternRecord]:
        """Add patterns as `add_pattern` does, all of them or none; one version of the set."""
        return self._patterns.add_all(project, documents, author=author)

    def export_patterns(self, project: str) -> list[dict[str, Any]]:
        """Return the documents of the patterns in force, in order of precedence.

        Imported elsewhere in this order, they do the same there.
        """
        return [deepcopy(each.document) for each in self._patterns.select(project, State.ACTIVE)]

    def transition(
        self,
        project: str,
        name: str,
        to: State,
        *,
        author: str,
        reason: str,
        evidence: Mapping[str, Any] | None = None,
        allocation: Allocation | None = None,
        seen: PatternRecord | None = None,
    ) -> PatternRecord:
        """Take a pattern to another state; `lifecycle.MOVES` has the legal steps.

        `allocation` is the share of the calls that gets the fix there; with one, the state may be
        the one that it has. With `seen`, the step is refused if the pattern has taken another one
        since it was so, and while all patterns are stopped.

        Raises `UnknownPatternError` or `IllegalMoveError`.
        """
        return self._patterns.move(
            project,
            name,
            to,
            author=author,
            reason=reason,
            evidence=evidence,
            allocation=allocation,
            seen=seen,
        )

    def revise(
        self,
        seen: PatternRecord,
        document: Mapping[str, Any],
        *,
        reason: str,
        evidence: Mapping[str, Any],
    ) -> PatternRecord:
        """Give a pattern another content, by the same author, where it stands in its trial.

        It is a new revision in the same state, and with the same share of the calls; what is kept
        of the trial is kept of the old one.

        Raises `PatternError` for a document that is no pattern, `IllegalMoveError` if the pattern
        has taken a step since it was `seen`.
        """
        return self._patterns.revise(seen, document, reason=reason, evidence=evidence)

    def roll_back(self, project: str, name: str, *, author: str, reason: str) -> PatternRecord:
        """Put what was in force before the newest revision in force again, as a new revision.

        Raises `UnknownPatternError`, or `IllegalMoveError` if there is nothing to go back to.
        """
        return self._patterns.roll_back(project, name, author=author, reason=reason)

    def resume(self, project: str, name: str, *, author: str, reason: str) -> PatternRecord:
        """Put a paused pattern into the state that it was paused in, with the same share of calls.

        One that is not paused is put in force. Raises `UnknownPatternError` or `IllegalMoveError`.
        """
        return self._patterns.resume(project, name, author=author, reason=reason)

    def stop(self, project: str, *, author: str, reason: str) -> list[PatternRecord]:
        """Pause all patterns that change or watch calls, in one version of the set; return them.

        Those that are built into Runtimes are among them. Until `end_stop` nothing is learned in
        the project, and no trial goes on; what a person puts in force is in force.
        """
        return self._patterns.stop(project, author=author, reason=reason)

    def end_stop(self, project: str, *, author: str, reason: str) -> list[PatternRecord]:
        """Resume what `stop` has paused and nobody has touched since, in one version; return it.

        Raises `IllegalMoveError` if nothing is stopped.
        """
        return self._patterns.end_stop(project, author=author, reason=reason)

    def current_stop(self, project: str) -> Stop | None:
        """Return since when the patterns of a project are stopped; None if they are not."""
        return self._patterns.current_stop(project)

    def progress(self, project: str, name: str) -> dict[str, Any] | None:
        """Return how the trial of a pattern's newest revision stands; None before it begins."""
        return self._rollouts.get(project, name)

    def keep_progress(
        self, project: str, name: str, revision: int, progress: Mapping[str, Any]
    ) -> None:
        """Replace how the trial of a revision stands."""
        self._rollouts.put(project, name, revision, progress)

    def pattern(self, project: str, name: str) -> PatternRecord:
        """Return a pattern as it stands; raises `UnknownPatternError`."""
        return self._patterns.get(project, name)

    def patterns(self, project: str, state: State | None = None) -> list[PatternRecord]:
        """Return all patterns of a project, or those in a state, in order of precedence.

        The last one goes first. They are shared, and not to be changed.
        """
        return self._patterns.select(project, state)

    def count_moves(self, project: str, to: State, *, origin: State | None = None) -> int:
        """Return how often patterns of a project have come to a state from `origin`, or any."""
        return self._patterns.count_moves(project, to, origin)

    def projects(self) -> list[str]:
        """Return the projects that have had patterns or keys, by name."""
        return self._patterns.projects()

    def history(self, project: str, name: str) -> list[Event]:
        """Return every step of a pattern, the first one first; raises `UnknownPatternError`."""
        return self._patterns.history(project, name)

    # what Runtimes get

    def pattern_set(self, project: str) -> PublishedSet:
        """Return the patterns in force in a project, with the version of their set."""
        return self._published.get(project)

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call back with project and version after each change of what is in force.

        Changes by other processes count as well. The calls come one after the other from a thread
        of the registry, versions of a project in their order; where several changes come close
        together, only the last may be told. Returns what ends the subscription.
        """
        return self._changes.subscribe(callback)

    # Runtimes

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
        policy: str,
        heals: bool,
        connected: bool,
        set_version: int,
        set_digest: str,
        verdicts: Mapping[str, Verdict],
        dropped: Mapping[str, int] | None = None,
    ) -> None:
        """Keep what a Runtime reports in place of its earlier report.

        A report may be lost at power loss: the Runtime will report again.
        """
        now = self._clock()
        self._runtimes.seen(
            RuntimeRecord(
                project=project,
                runtime_id=runtime_id,
                service=service,
                host=host,
                pid=pid,
                runtime_version=runtime_version,
                python=python,
                sdks=dict(sdks),
                policy=policy,
                heals=heals,
                connected=connected,
                set_version=set_version,
                set_digest=set_digest,
                verdicts=dict(verdicts),
                dropped=dict(dropped or {}),
                first_seen=now,
                last_seen=now,
            )
        )

    def runtimes(self, project: str, *, since: datetime | None = None) -> list[RuntimeRecord]:
        """Return the Runtimes of a project seen since then, the last seen first."""
        return self._runtimes.select(project, since)

    def close(self) -> None:
        """Stop calling back, and close every connection."""
        self._changes.close()
        self._database.close()
